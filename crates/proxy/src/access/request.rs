//! What a log says about a request's head: the fields that it names, and the parts of its target. Used by both forms.

use evenkeel_proto::field::FieldName;
use evenkeel_proto::head::RequestHead;

/// The fields that a log line repeats.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told<'a> {
    pub(super) user_agent: Option<&'a [u8]>,
    pub(super) referer: Option<&'a [u8]>,
    pub(super) trace: Option<Trace<'a>>,
}

/// Where a request belongs in a distributed trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
}

impl<'a> Told<'a> {
    /// Of fields that are there twice, the first counts.
    pub(super) fn by(head: &'a RequestHead) -> Self {
        let fields = &head.fields;
        let mut traces = fields.iter().filter(|field| is_traceparent(field.name));
        let trace = traces.next().and_then(|field| Trace::parse(field.value));
        Self {
            user_agent: fields.first(FieldName::UserAgent),
            referer: fields.first(FieldName::Referer),
            // W3C Trace Context §3.2: more than one is as good as none.
            trace: trace.filter(|_| traces.next().is_none()),
        }
    }
}

fn is_traceparent(name: &[u8]) -> bool {
    name.len() == 11 && name.eq_ignore_ascii_case(b"traceparent")
}

impl<'a> Trace<'a> {
    /// Reads a `traceparent` (W3C Trace Context §3.2.2): version, trace, parent, flags. `None` if it is not valid.
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (version, rest) = hex_piece(value, 2)?;
        let (trace_id, rest) = hex_piece(rest.strip_prefix(b"-")?, 32)?;
        let (span_id, rest) = hex_piece(rest.strip_prefix(b"-")?, 16)?;
        let (_flags, rest) = hex_piece(rest.strip_prefix(b"-")?, 2)?;
        // A later version may have more to say, behind another hyphen.
        let ends = rest.is_empty() || version != b"00" && rest[0] == b'-';
        let is_zero = |id: &[u8]| id.iter().all(|&digit| digit == b'0');
        let valid = ends && version != b"ff" && !is_zero(trace_id) && !is_zero(span_id);
        valid.then_some(Self { trace_id, span_id })
    }
}

/// The first `length` bytes, if they are lower-case hexadecimal digits, and the rest.
fn hex_piece(value: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (piece, rest) = value.split_at_checked(length)?;
    piece.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some((piece, rest))
}

/// The path, and the query without its question mark.
pub(super) fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|&byte| byte == b'?') {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    }
}

/// The host, without the brackets of an IPv6 address, and the port if there is one.
pub(crate) fn split_port(authority: &[u8]) -> (&[u8], Option<u16>) {
    let host_end = authority.iter().rposition(|&byte| byte == b']').map_or(0, |end| end + 1);
    let colon = authority[host_end..].iter().position(|&byte| byte == b':');
    let (host, port) = match colon {
        Some(colon) => {
            (&authority[..host_end + colon], parse_port(&authority[host_end + colon + 1..]))
        }
        None => (authority, None),
    };
    let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
    (bare.unwrap_or(host), port)
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_traceparent_is_read() {
        let trace = Trace::parse(TRACE.as_bytes()).unwrap();
        assert_eq!(trace.trace_id, b"0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id, b"b7ad6b7169203331");
        let later = TRACE.replace("00-0", "cc-0") + "-more";
        assert!(Trace::parse(later.as_bytes()).is_some());
    }

    #[test]
    fn an_invalid_traceparent_is_none() {
        for wrong in [
            String::new(),
            TRACE[..54].to_owned(),
            format!("{TRACE}0"),
            format!("{TRACE}-more"),
            TRACE.replace("00-0", "ff-0"),
            TRACE.replace("af", "AF"),
            TRACE.replace("b7ad6b7169203331", "0000000000000000"),
            TRACE.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            TRACE.replace('-', "_"),
            TRACE.replace("00-0", "cc-0") + "more",
        ] {
            assert_eq!(Trace::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn targets_and_authorities_are_split() {
        assert_eq!(split_query(b"/a?b?c"), (&b"/a"[..], Some(&b"b?c"[..])));
        assert_eq!(split_query(b"/a"), (&b"/a"[..], None));
        for (authority, host, port) in [
            ("a.example", "a.example", None),
            ("a.example:81", "a.example", Some(81)),
            ("a.example:", "a.example", None),
            ("[::1]:8080", "::1", Some(8080)),
            ("[::1]", "::1", None),
            ("a:99999", "a", None),
            ("]", "]", None),
            ("", "", None),
        ] {
            assert_eq!(split_port(authority.as_bytes()), (host.as_bytes(), port), "{authority}");
        }
    }
}
