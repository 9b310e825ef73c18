//! What came of a simulation as one page for browsers, with charts; it loads nothing from anywhere. Written by `command`.

use evenkeel_control::admin::dashboard;
use serde_json::{Map, Value};

use super::json::Document;

/// The page that shows `document`.
///
/// # Errors
/// The document is no JSON, which cannot be.
pub(super) fn page(document: &Document<'_>) -> serde_json::Result<String> {
    let modules = MODULES.map(|(name, text)| (name.to_owned(), Value::from(address(text))));
    let modules = serde_json::json!({ "imports": modules.into_iter().collect::<Map<_, _>>() });
    // An endpoint may be called `</script>`.
    let data = serde_json::to_string(document)?.replace('<', "\\u003c");
    // What strangers named comes last: nothing is put into it.
    Ok(include_str!("page/page.html")
        .replace("{{styles}}", &[dashboard::CHART_STYLE, dashboard::STYLE, STYLE].join("\n"))
        .replace("{{charts}}", dashboard::CHART_SCRIPT)
        .replace("{{modules}}", &modules.to_string())
        .replace("{{data}}", &data))
}

/// A module as an address that holds it, so that the modules of a page without a server find each other.
fn address(text: &str) -> String {
    let mut address = "data:text/javascript;charset=utf-8,".to_owned();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                address.push(byte.into());
            }
            // RFC 3986 §2.1
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

const STYLE: &str = include_str!("page/style.css");

/// What the scripts call each other.
const MODULES: [(&str, &str); 7] = [
    ("dashboard/dom.js", dashboard::ELEMENTS),
    ("dashboard/format.js", dashboard::NOTATION),
    ("simulate/charts.js", include_str!("page/charts.js")),
    ("simulate/plot.js", include_str!("page/plot.js")),
    ("simulate/report.js", include_str!("page/report.js")),
    ("simulate/results.js", include_str!("page/results.js")),
    ("simulate/shares.js", include_str!("page/shares.js")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_that_a_script_asks_for_is_there() {
        let names = MODULES.map(|(name, _)| name);
        for (name, text) in MODULES {
            let asked =
                text.lines().filter_map(|line| line.strip_suffix("\";")?.split_once(" from \""));
            for (_, asked) in asked {
                assert!(names.contains(&asked), "{name} asks for {asked}");
            }
        }
    }

    #[test]
    fn an_address_says_the_same_in_letters_that_need_no_quotes() {
        assert_eq!(address("a(“<\n"), "data:text/javascript;charset=utf-8,a%28%E2%80%9C%3C%0A");
    }
}
