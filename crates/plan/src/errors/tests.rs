use super::template::REQUEST_ID_BYTES_MAX;
use super::*;

const HOSTILE: &[u8] = b"<script>'\"&\\\x1b[2J\r\n{status}{message}\xff\0</script>";

fn page(media_type: &str, template: &str) -> ErrorPage {
    ErrorPage { statuses: 500..=599, media_type: media_type.into(), template: template.into() }
}

fn rendered(media_type: &str, template: &str, request_id: &[u8]) -> String {
    let facts = ErrorFacts { reason: Reason::NoEndpoint, request_id };
    let mut out = Vec::new();
    page(media_type, template).render(&mut out, &facts);
    String::from_utf8(out).unwrap()
}

fn own(form: Form, reason: Reason, request_id: &[u8]) -> String {
    let mut out = Vec::new();
    default_answer(form, &ErrorFacts { reason, request_id }, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_first_page_that_fits_is_taken() {
    let exact = ErrorPage { statuses: 503..=503, ..page("text/plain", "exact") };
    let answers =
        ErrorAnswers { reason_header: false, pages: vec![exact, page("text/plain", "class")] };
    let template = |status| answers.page(status).map(|page| &*page.template);
    assert_eq!(template(503), Some("exact"));
    assert_eq!(template(504), Some("class"));
    assert_eq!(template(404), None);
}

#[test]
fn placeholders_are_replaced_and_other_braces_stay() {
    let template =
        "a{b:c}{status} {reason} {message} {request_id} {Status} { status } {{status}} {statu";
    let expected =
        "a{b:c}503 no_endpoint_up No endpoint is up. id-1 {Status} { status } {503} {statu";
    assert_eq!(rendered("text/plain; charset=utf-8", template, b"id-1"), expected);
    assert_eq!(rendered("text/plain", "{", b""), "{");
    assert_eq!(rendered("text/plain", "é{é}", b""), "é{é}");
}

#[test]
fn a_hostile_request_id_stays_text_in_every_kind_of_page() {
    let html = rendered("text/html; charset=utf-8", "<b title='{request_id}'>", HOSTILE);
    let safe = "&lt;script&gt;&#39;&quot;&amp;\\\u{fffd}[2J\u{fffd}\u{fffd}{status}{message}\u{fffd}\u{fffd}&lt;/script&gt;";
    assert_eq!(html, format!("<b title='{safe}'>"));

    let json = rendered("application/json", "{\"id\":\"{request_id}\"}", HOSTILE);
    let safe = "\\u003cscript>'\\\"&\\\\\\u001b[2J\\u000d\\u000a{status}{message}\u{fffd}\\u0000\\u003c/script>";
    assert_eq!(json, format!("{{\"id\":\"{safe}\"}}"));

    let text = rendered("text/plain; charset=utf-8", "{request_id}\n", HOSTILE);
    assert_eq!(text.matches(char::is_control).collect::<String>(), "\n");
}

#[test]
fn an_endless_request_id_is_cut() {
    let id = vec![b'<'; 100_000];
    assert_eq!(rendered("text/plain", "{request_id}", &id).len(), REQUEST_ID_BYTES_MAX);
    assert_eq!(rendered("text/html", "{request_id}", &id).len(), 4 * REQUEST_ID_BYTES_MAX);
}

#[test]
fn our_own_text_is_one_line() {
    assert_eq!(own(Form::Text, Reason::NoEndpoint, b"id"), "No endpoint is up. (no_endpoint_up)\n");
}

#[test]
fn our_own_json_is_a_problem_with_the_reason() {
    let expected = "{\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"No endpoint is up.\",\
                    \"reason\":\"no_endpoint_up\",\"request_id\":\"a\\\"b\"}\n";
    assert_eq!(own(Form::Json, Reason::NoEndpoint, b"a\"b"), expected);
    assert!(own(Form::Json, Reason::NoEndpoint, b"").ends_with("\"reason\":\"no_endpoint_up\"}\n"));
}

#[test]
fn our_own_page_is_small_and_needs_nothing_else() {
    for reason in Reason::ALL {
        let page = own(Form::Html, reason, b"0123456789abcdef0123456789abcdef");
        assert!(page.len() < 2048, "{} bytes", page.len());
        assert!(page.starts_with("<!doctype html>\n") && page.ends_with("</html>\n"));
        assert!(page.contains(&format!("<h1>{}</h1>", reason.status())));
        assert!(page.contains("<code>0123456789abcdef0123456789abcdef</code>"));
        for outside in ["http:", "https:", "//", "url(", "@import", "<script", "src=", "href="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
    assert!(!own(Form::Html, Reason::NoEndpoint, b"").contains("Request <code>"));
    assert!(!own(Form::Html, Reason::NoEndpoint, HOSTILE).contains("<script"));
}

#[test]
fn every_reason_has_a_title_of_its_status() {
    for reason in Reason::ALL {
        let json = own(Form::Json, reason, b"");
        assert!(!json.contains("\"title\":\"Error\""), "{}", reason.name());
    }
}
