//! Our own answers, where a listener has no page of its own: a line of text, a problem in JSON, or a page.

use evenkeel_proto::http1::reason_phrase;
use evenkeel_proto::negotiate::Form;

use super::ErrorFacts;
use super::template::fill;

/// Appends our own answer in `form` to `out`. It names nothing behind us: no cluster, no endpoint, no address.
pub fn default_answer(form: Form, facts: &ErrorFacts<'_>, out: &mut Vec<u8>) {
    let has_id = !facts.request_id.is_empty();
    match form {
        Form::Text => fill("{message} ({reason})\n", form, facts, out),
        Form::Json => {
            // RFC 9457 §3.1: without a `type`, the title is the status's phrase (§4.2.1).
            let title = reason_phrase(facts.reason.status());
            out.extend_from_slice(format!("{{\"title\":\"{title}\",").as_bytes());
            fill(JSON, form, facts, out);
            fill(if has_id { JSON_END_WITH_ID } else { JSON_END }, form, facts, out);
        }
        Form::Html => {
            fill(HTML, form, facts, out);
            fill(if has_id { HTML_END_WITH_ID } else { HTML_END }, form, facts, out);
        }
    }
}

/// The media type of [`default_answer`] in `form`.
pub const fn default_media_type(form: Form) -> &'static str {
    match form {
        Form::Text => "text/plain; charset=utf-8",
        Form::Json => "application/problem+json",
        Form::Html => "text/html; charset=utf-8",
    }
}

const JSON: &str = "\"status\":{status},\"detail\":\"{message}\",\"reason\":\"{reason}\"";
const JSON_END_WITH_ID: &str = ",\"request_id\":\"{request_id}\"}\n";
const JSON_END: &str = "}\n";

/// No script, and nothing to load: it has to work when nothing else does, and under any policy of the site.
const HTML: &str = include_str!("answer.html");
const HTML_END_WITH_ID: &str =
    "<p class=\"id\">Request <code>{request_id}</code></p>\n</main>\n</body>\n</html>\n";
const HTML_END: &str = "</main>\n</body>\n</html>\n";
