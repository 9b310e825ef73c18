use super::*;
use crate::field::UnusualNames;
use crate::http1::{ParseLimits, parse_request, parse_response};

const LIMITS: ParseLimits = ParseLimits { fields: 10, target_bytes: 64, names: UnusualNames::Drop };

fn of_request(version: &str, lines: &str) -> Result<Framing, FramingError> {
    let text = format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
    let mut fields = Fields { buffer: text.clone().into_bytes(), ..Fields::default() };
    request_framing(&parse_request(&mut fields, text.len(), LIMITS).unwrap().unwrap().0)
}

fn of_response(method: Method, status: u16, lines: &str) -> Result<Framing, FramingError> {
    let text = format!("HTTP/1.1 {status} X\r\n{lines}\r\n");
    let mut fields = Fields { buffer: text.clone().into_bytes(), ..Fields::default() };
    response_framing(&parse_response(&mut fields, text.len(), LIMITS).unwrap().unwrap().0, method)
}

#[test]
fn a_request_has_the_framing_that_its_fields_say() {
    assert_eq!(of_request("1.1", ""), Ok(Framing::Empty));
    assert_eq!(of_request("1.1", "Content-Length: 0\r\n"), Ok(Framing::Length(0)));
    assert_eq!(
        of_request("1.0", "Content-Length: 18446744073709551615\r\n"),
        Ok(Framing::Length(u64::MAX))
    );
    assert_eq!(
        of_request("1.1", "Content-Length: 5\r\nContent-Length: 5\r\n"),
        Ok(Framing::Length(5))
    );
    assert_eq!(of_request("1.1", "Content-Length: 5, 5\r\n"), Ok(Framing::Length(5)));
    assert_eq!(of_request("1.1", "Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
}

#[test]
fn requests_whose_end_is_uncertain_are_refused() {
    let lines = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length:\r\n",
        "Content-Length: ,\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length: ,5\r\n",
        "Content-Length: 5,,5\r\n",
        "Content-Length: 5\r\nContent-Length:\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 5;a\r\n",
        "Content-Length: \"5\"\r\n",
        "Content-Length: 0b1\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ];
    for lines in lines {
        assert!(matches!(of_request("1.1", lines), Err(FramingError::Ambiguous(_))), "{lines:?}");
    }
    assert!(matches!(
        of_request("1.0", "Transfer-Encoding: chunked\r\n"),
        Err(FramingError::Ambiguous(_))
    ));
}

#[test]
fn codings_of_an_answer_that_hide_its_end_are_refused() {
    for coding in ["gzip, chunked", "chunked, chunked", "xchunked", ",chunked", "\"chunked\""] {
        let lines = format!("Transfer-Encoding: {coding}\r\n");
        assert!(of_response(Method::Get, 200, &lines).is_err(), "{coding}");
    }
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length:\r\n",
    ] {
        assert!(of_response(Method::Get, 200, lines).is_err(), "{lines}");
        // Also where there is no body: whoever stands behind us may believe the fields.
        assert!(of_response(Method::Head, 200, lines).is_err(), "{lines}");
    }
}

#[test]
fn codings_other_than_chunked_are_refused() {
    for coding in [
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        ",chunked",
        "xchunked",
        "chunked;a=b",
        "identity",
    ] {
        let lines = format!("Transfer-Encoding: {coding}\r\n");
        assert_eq!(of_request("1.1", &lines), Err(FramingError::UnknownCoding), "{coding}");
    }
}

#[test]
fn an_answer_has_the_framing_that_method_status_and_fields_say() {
    use Method::{Get, Head};
    let length = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    assert_eq!(of_response(Get, 200, length), Ok(Framing::Length(5)));
    assert_eq!(of_response(Get, 200, chunked), Ok(Framing::Chunked));
    assert_eq!(of_response(Get, 200, ""), Ok(Framing::UntilClose));
    assert_eq!(of_response(Head, 200, length), Ok(Framing::Empty));
    for status in [100, 204, 304] {
        assert_eq!(of_response(Get, status, length), Ok(Framing::Empty), "{status}");
        assert_eq!(of_response(Get, status, ""), Ok(Framing::Empty), "{status}");
    }
    assert!(of_response(Get, 200, &format!("{length}{chunked}")).is_err());
    assert!(of_response(Head, 200, "Content-Length: a\r\n").is_err());
}
