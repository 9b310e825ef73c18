//! Fills the placeholders of a text with facts, escaped so that no value can break out of where it stands.

use evenkeel_proto::negotiate::Form;

use super::ErrorFacts;

/// Appends `template` with its placeholders replaced. Other braces stay as they are, and so do those that come with a value.
pub(super) fn fill(template: &str, form: Form, facts: &ErrorFacts<'_>, out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(brace) = rest.find('{') {
        let (before, from_brace) = rest.split_at(brace);
        out.extend_from_slice(before.as_bytes());
        rest = match PLACEHOLDERS
            .iter()
            .find_map(|(name, value)| from_brace.strip_prefix(name).map(|after| (after, value)))
        {
            Some((after, value)) => {
                put(*value, form, facts, out);
                after
            }
            None => {
                out.push(b'{');
                &from_brace[1..]
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Appends a value as text in `form`.
pub(super) fn escape(value: &str, form: Form, out: &mut Vec<u8>) {
    for char in value.chars() {
        match (form, char) {
            // A line break or an escape sequence would let a value forge what a terminal or a log shows.
            (Form::Text | Form::Html, control) if control.is_control() => put_char('\u{fffd}', out),
            (Form::Html, '&') => out.extend_from_slice(b"&amp;"),
            (Form::Html, '<') => out.extend_from_slice(b"&lt;"),
            (Form::Html, '>') => out.extend_from_slice(b"&gt;"),
            (Form::Html, '"') => out.extend_from_slice(b"&quot;"),
            (Form::Html, '\'') => out.extend_from_slice(b"&#39;"),
            (Form::Json, '"') => out.extend_from_slice(b"\\\""),
            (Form::Json, '\\') => out.extend_from_slice(b"\\\\"),
            // RFC 8259 §7 wants it for controls; `<` because something may take JSON for HTML.
            (Form::Json, char) if char.is_control() || char == '<' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
            }
            (_, char) => put_char(char, out),
        }
    }
}

/// What a placeholder stands for.
#[derive(Clone, Copy)]
enum Value {
    Status,
    Reason,
    Message,
    RequestId,
}

fn put(value: Value, form: Form, facts: &ErrorFacts<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Status => out.extend_from_slice(facts.reason.status().to_string().as_bytes()),
        Value::Reason => escape(facts.reason.name(), form, out),
        Value::Message => escape(facts.reason.sentence(), form, out),
        Value::RequestId => {
            let bytes = &facts.request_id[..facts.request_id.len().min(REQUEST_ID_BYTES_MAX)];
            escape(&String::from_utf8_lossy(bytes), form, out);
        }
    }
}

fn put_char(char: char, out: &mut Vec<u8>) {
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

const PLACEHOLDERS: [(&str, Value); 4] = [
    ("{status}", Value::Status),
    ("{reason}", Value::Reason),
    ("{message}", Value::Message),
    ("{request_id}", Value::RequestId),
];

/// No sensible id is longer, and a page may repeat it: without a bound, a long id times a long page would fill the memory.
pub(super) const REQUEST_ID_BYTES_MAX: usize = 128;
