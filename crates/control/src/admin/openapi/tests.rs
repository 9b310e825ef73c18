use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::admin::tests::Api;

#[test]
fn the_copy_in_the_docs_is_what_the_code_says() {
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let said = serde_json::to_string_pretty(&description()).unwrap() + "\n";
    if std::env::var_os("EVENKEEL_BLESS").is_some() {
        std::fs::write(&copy, said).unwrap();
    } else {
        let written = std::fs::read_to_string(&copy).unwrap_or_default();
        assert!(written == said, "docs/openapi.json is old: EVENKEEL_BLESS=1 writes it anew");
    }
}

#[test]
fn every_route_is_described_and_every_description_has_its_route() {
    let router = include_str!("../../admin.rs");
    let routes = router.split(".route(").skip(1).map(|route| route.split('"').nth(1).unwrap());
    let document = document();
    let described = document["paths"].as_object().unwrap().keys().map(String::as_str);
    assert_eq!(routes.collect::<BTreeSet<_>>(), described.collect());
}

#[tokio::test]
async fn every_path_has_the_methods_that_are_described_and_says_so_to_whoever_uses_another() {
    let api = Api::start().await;
    for (template, item) in document()["paths"].as_object().unwrap() {
        let path = concrete(template);
        let has = |method: &str| item.get(method.to_ascii_lowercase()).is_some();
        let allowed: BTreeSet<&str> = METHODS
            .into_iter()
            .filter(|method| has(method) || *method == "HEAD" && has("GET"))
            .collect();
        for method in METHODS {
            if template == STREAM && allowed.contains(method) {
                continue;
            }
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
            let (status, answer) = api.ask(&request).await;
            assert_eq!(status == 405, !allowed.contains(method), "{method} {path}: {answer}");
            if status == 405 {
                let allow =
                    answer.split("\r\nallow: ").nth(1).unwrap().split("\r\n").next().unwrap();
                assert_eq!(allow.split(',').collect::<BTreeSet<_>>(), allowed, "{path}");
                // An answer to HEAD has no body.
                let explanation = serde_json::from_str::<Explanation>(body(&answer)).ok();
                let explains = explanation.is_some_and(|it| it.error.contains(method));
                assert_eq!(explains, method != "HEAD", "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn every_get_answers_what_is_described() {
    let api = Api::start().await;
    let document = document();
    let mut checked = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let (status, answer) = api.get(&concrete(template)).await;
        assert_eq!(status, 200, "{template}");
        assert!(answer.contains("\r\ncontent-type: application/json\r\n"), "{answer}");
        let is_tagged = !item["get"]["responses"]["200"]["headers"]["ETag"].is_null();
        assert_eq!(answer.contains("\r\netag: \""), is_tagged, "{template}");
        fits(&document, schema, &serde_json::from_str(body(&answer)).unwrap(), template);
        checked += 1;
    }
    assert!(checked >= 8, "{checked}");
}

/// Whether `value` has all that `schema` requires and nothing that it does not know, through and through.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        return fits(document, document.pointer(pointer).unwrap(), value, at);
    }
    if let Some(items) = schema.get("items") {
        for item in value.as_array().unwrap() {
            fits(document, items, item, at);
        }
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    let object = value.as_object().unwrap_or_else(|| panic!("{at}: {value} is no object"));
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(required.as_str().unwrap()), "{at}: no {required} in {value}");
    }
    for (key, value) in object {
        let schema = properties.get(key).unwrap_or_else(|| panic!("{at}: {key} is not described"));
        fits(document, schema, value, &format!("{at}.{key}"));
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_field_is_explained() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            // Beside a reference that may be nothing, it stands with the reference.
            let beside = &property["oneOf"][0]["description"];
            let is_explained = property["description"].is_string() || beside.is_string();
            assert!(is_explained, "{name}.{key}: {property}");
        }
    }
    assert!(!text.contains("[`"), "a link of rustdoc's in {text}");
}

fn document() -> Value {
    serde_json::to_value(description()).unwrap()
}

fn concrete(template: &str) -> String {
    template.replace("{cluster}", "api").replace("{endpoint}", "10.0.0.1:80").replace("{id}", "id")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

/// Never ends.
const STREAM: &str = "/api/v1/stream";
