use proptest::prelude::*;

use super::*;
use crate::client_certificate::ClientCertificate;
use crate::field::{FieldName, UnusualNames};
use crate::forward::{ClientFacts, end_to_end, expects_continue};
use crate::http1::{ParseLimits, parse_request, parse_response, request_framing, response_framing};
use crate::method::Method;
use crate::upgrade::offered;

const LIMITS: ParseLimits = ParseLimits { fields: 20, target_bytes: 64, names: UnusualNames::Drop };
const DATE: &str = "Sat, 21 Nov 2026 03:00:00 GMT";
const ID: &str = "0192d1a0-0000-7000-8000-000000000000";

fn forwarded(text: &str, trusted: bool, framing: Framing) -> String {
    forwarded_by(text, trusted, framing, None)
}

fn forwarded_by(
    text: &str,
    trusted: bool,
    framing: Framing,
    certificate: Option<&ClientCertificate>,
) -> String {
    let mut fields = Fields { buffer: text.as_bytes().to_vec(), ..Fields::default() };
    let (head, _) = parse_request(&mut fields, text.len(), LIMITS).unwrap().unwrap();
    let address = [192, 0, 2, 7].into();
    let client =
        ClientFacts { address, scheme: "http", trusted, request_id: ID.as_bytes(), certificate };
    let mut out = Vec::new();
    let onward = Onward {
        client,
        framing,
        expects_continue: expects_continue(&head, framing).unwrap(),
        offers_upgrade: offered(&head, framing).unwrap().is_some(),
        endpoint: "127.0.0.1:9001",
        deadline: None,
        call: None,
        offers_websocket: false,
    };
    request_head(&mut out, &head, &onward);
    String::from_utf8(out).unwrap()
}

fn answered(text: &str, framing: Framing, connection: Connection) -> String {
    let mut fields = Fields { buffer: text.as_bytes().to_vec(), ..Fields::default() };
    let (head, _) = parse_response(&mut fields, text.len(), LIMITS).unwrap().unwrap();
    let mut out = Vec::new();
    let outward = Outward {
        framing,
        connection,
        trailers: true,
        additions: Additions { request_id: ID.as_bytes(), date: DATE, strict_transport: None },
    };
    response_head(&mut out, &head, &outward);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_a_stranger_says_about_itself_is_replaced() {
    let text = "GET /a HTTP/1.1\r\nhost: h\r\nAccept: */*\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n\
                X-Forwarded-Host: evil\r\nForwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-Port: 1\r\nx_forwarded_for: 1\r\nX-Request-ID: mine\r\n\r\n";
    let expected = format!(
        "GET /a HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n\
         X-Forwarded-Host: h\r\nX-Request-ID: {ID}\r\nVia: 1.1 evenkeel\r\n\r\n"
    );
    assert_eq!(forwarded(text, false, Framing::Empty), expected);
}

#[test]
fn what_a_trusted_proxy_says_is_kept_and_added_to() {
    let text = "GET /a HTTP/1.0\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: https\r\n\
                X-Forwarded-Host: site\r\nX-Request-ID: mine\r\nVia: 1.1 edge\r\n\r\n";
    let expected = "GET /a HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nVia: 1.1 edge\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7\r\n\
                    X-Forwarded-Proto: https\r\nX-Forwarded-Host: site\r\nX-Request-ID: mine\r\nVia: 1.0 evenkeel\r\n\r\n";
    assert_eq!(forwarded(text, true, Framing::Empty), expected);
}

/// RFC 9440 §4: whatever a client says of its own certificate was never verified.
#[test]
fn what_a_stranger_says_of_its_certificate_is_taken_away_in_every_spelling() {
    let claims = "Client-Cert: :eA==:\r\nClient-Cert-Chain: :eA==:\r\nX-Client-Cert-Subject: CN=admin\r\n\
        X-CLIENT-CERT: x\r\nX-SSL-Client-Verify: SUCCESS\r\nX-SSL-Client-S-DN: CN=admin\r\n\
        ssl-client-subject-dn: CN=admin\r\nX-SSL-Client-CN: admin\r\n";
    let others = "Client: a\r\nCache-Control: no-cache\r\nX-Client: b\r\nSSL: c\r\n";
    let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{claims}{others}\r\n");
    let tail = format!(
        "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nX-Request-ID: {ID}\r\n"
    );
    let via = "Via: 1.1 evenkeel\r\n\r\n";
    let head = "GET / HTTP/1.1\r\nHost: h\r\n";
    let certificate = ClientCertificate::new(b"x");
    for (trusted, certificate, expected) in [
        (false, None, format!("{head}{others}{tail}{via}")),
        (false, Some(&certificate), format!("{head}{others}{tail}Client-Cert: :eA==:\r\n{via}")),
        // One of our own proxies speaks for its clients, and has another certificate than they.
        (true, None, format!("{head}{claims}{others}{tail}{via}")),
        (true, Some(&certificate), format!("{head}{claims}{others}{tail}{via}")),
    ] {
        let text = forwarded_by(&text, trusted, Framing::Empty, certificate);
        assert_eq!(text, expected, "{trusted} {certificate:?}");
    }
}

#[test]
fn a_connection_field_does_not_take_away_what_is_told_of_a_certificate() {
    let text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: client-cert, x-client-cert-subject\r\n\
        Client-Cert: :eA==:\r\nX-Client-Cert-Subject: CN=a\r\n\r\n";
    let text = forwarded(text, true, Framing::Empty);
    assert!(text.contains("Client-Cert: :eA==:\r\nX-Client-Cert-Subject: CN=a\r\n"), "{text}");
}

#[test]
fn a_trusted_proxys_request_id_that_is_unfit_for_a_log_line_is_replaced() {
    let text = "GET /a HTTP/1.1\r\nHost: h\r\nX-Request-ID: two words\r\n\r\n";
    assert!(forwarded(text, true, Framing::Empty).contains(&format!("X-Request-ID: {ID}\r\n")));
}

#[test]
fn fields_of_one_connection_do_not_go_on_and_framing_is_our_own() {
    let text = "POST / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, x-hop, Host, Authorization\r\nKeep-Alive: timeout=5\r\n\
                X-Hop: 1\r\nAuthorization: b\r\nTE: trailers\r\nTrailer: a\r\nUpgrade: h2c\r\nProxy-Connection: close\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let out = forwarded(text, false, Framing::Chunked);
    assert!(
        out.starts_with("POST / HTTP/1.1\r\nHost: h\r\nAuthorization: b\r\nX-Forwarded-For:"),
        "{out}"
    );
    let end =
        "Via: 1.1 evenkeel\r\nConnection: TE\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(out.ends_with(end), "{out}");
}

#[test]
fn an_answer_goes_on_with_our_framing() {
    let text = "HTTP/1.1 200 OK\r\nServer: s\r\nConnection: close\r\nContent-Length: 5\r\nX-Request-ID: theirs\r\n\r\n";
    assert_eq!(
        answered(text, Framing::Length(5), Connection::Implied),
        format!(
            "HTTP/1.1 200 OK\r\nServer: s\r\nDate: {DATE}\r\nX-Request-ID: {ID}\r\nVia: 1.1 evenkeel\r\nContent-Length: 5\r\n\r\n"
        )
    );
    assert!(
        answered(text, Framing::Chunked, Connection::Close)
            .ends_with("chunked\r\nConnection: close\r\n\r\n")
    );
}

#[test]
fn the_length_of_a_body_that_is_not_sent_is_kept_where_it_means_something() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert!(answered(ok, Framing::Empty, Connection::Implied).contains("Content-Length: 5\r\n"));
    let not_modified = ok.replace("200 OK", "304 Not Modified");
    assert!(
        answered(&not_modified, Framing::Empty, Connection::Implied)
            .contains("Content-Length: 5\r\n")
    );
    // RFC 9110 §8.6: never in 204.
    let no_content = ok.replace("200 OK", "204 No Content");
    assert!(!answered(&no_content, Framing::Empty, Connection::Implied).contains("Content-Length"));
}

#[test]
fn an_answer_of_our_own_is_complete_and_has_no_body_for_head() {
    let answer = OwnAnswer {
        status: 503,
        fields: &[("Retry-After", "1"), ("X-Bad", "a\r\nHost: evil")],
        media_type: "text/plain; charset=utf-8",
        body: b"No endpoint is up.\n",
    };
    let additions =
        Additions { request_id: b"id", date: DATE, strict_transport: Some("max-age=60") };
    let mut out = Vec::new();
    own_response(&mut out, &answer, &additions, Connection::Close, false);
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n\
                Strict-Transport-Security: max-age=60\r\n\
                Date: Sat, 21 Nov 2026 03:00:00 GMT\r\nX-Request-ID: id\r\n\
                Content-Length: 19\r\nConnection: close\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), format!("{head}No endpoint is up.\n"));
    let mut out = Vec::new();
    own_response(&mut out, &answer, &additions, Connection::Close, true);
    assert_eq!(String::from_utf8(out).unwrap(), head);
}

#[test]
fn an_offer_to_switch_goes_on_without_what_we_do_not_pass() {
    let text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, TE, HTTP2-Settings\r\nUpgrade: h2c, chat\r\n\
                Upgrade: echo/1\r\nHTTP2-Settings: AAA\r\nTE: gzip, trailers\r\n\r\n";
    let out = forwarded(text, false, Framing::Empty);
    let options = "Connection: Upgrade, TE\r\nUpgrade: chat, echo/1\r\nTE: trailers\r\n\r\n";
    assert!(out.ends_with(options) && !out.contains("HTTP2"), "{out}");
}

#[test]
fn an_expectation_goes_on_once_and_only_with_a_body() {
    let text = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nExpect: 100-continue\r\n\
                Content-Length: 2\r\n\r\n";
    let out = forwarded(text, false, Framing::Length(2));
    assert_eq!(out.matches("Expect: 100-continue\r\n").count(), 1, "{out}");
    assert!(!forwarded(text, false, Framing::Length(0)).contains("xpect"));
}

#[test]
fn the_number_of_proxies_that_options_may_pass_counts_down() {
    let text = "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 7\r\n\r\n";
    let out = forwarded(text, false, Framing::Empty);
    assert_eq!(out.matches("Max-Forwards: 6\r\n").count(), 1, "{out}");
    assert_eq!(out.matches("Max-Forwards").count(), 1, "{out}");
    let get = text.replace("OPTIONS", "GET");
    assert!(forwarded(&get, false, Framing::Empty).contains("Max-Forwards: 7"));
}

#[test]
fn trailers_go_on_without_those_that_somebody_would_act_upon() {
    let mut trailers = Fields::default();
    trailers.push(b"X-Sum", b"1");
    trailers.push(b"X-Forwarded-For", b"1.1.1.1");
    trailers.push(b"Content-Length", b"7");
    let mut out = Vec::new();
    trailer_section(&mut out, &trailers);
    assert_eq!(out, b"0\r\nX-Sum: 1\r\n\r\n");
    let text = "HTTP/1.1 200 OK\r\nTrailer: x-sum, content-length\r\nTrailer: etag\r\n\r\n";
    let head = answered(text, Framing::Chunked, Connection::Implied);
    assert!(head.contains("\r\nTrailer: x-sum, etag\r\n"), "{head}");
}

#[test]
fn a_switch_names_its_protocol_and_has_no_framing() {
    let text = "HTTP/1.1 101 Switching\r\nConnection: upgrade, x-a\r\nUpgrade: CHAT\r\nX-A: 1\r\nX-B: 2\r\n\r\n";
    let mut fields = Fields { buffer: text.as_bytes().to_vec(), ..Fields::default() };
    let (head, _) = parse_response(&mut fields, text.len(), LIMITS).unwrap().unwrap();
    let mut out = Vec::new();
    switch_head(&mut out, &head, b"CHAT", b"id");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 101 Switching\r\nX-B: 2\r\nX-Request-ID: id\r\nVia: 1.1 evenkeel\r\n\
         Connection: Upgrade\r\nUpgrade: CHAT\r\n\r\n"
    );
}

#[test]
fn max_forwards_that_is_no_number_is_as_none() {
    for value in ["x", "+1", "-1", "", "1.0"] {
        let text = format!("OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: {value}\r\n\r\n");
        assert!(!forwarded(&text, false, Framing::Empty).contains("Max-Forwards"), "{value}");
    }
}

#[test]
fn an_answer_that_asks_for_an_upgrade_names_the_field_in_connection() {
    for (connection, line) in [
        (Connection::Close, "\r\nConnection: close, Upgrade\r\n\r\n"),
        (Connection::Implied, "\r\nConnection: Upgrade\r\n\r\n"),
    ] {
        let mut out = Vec::new();
        let fields = &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")];
        let (media_type, body) = ("", &b""[..]);
        let answer = OwnAnswer { status: 426, fields, media_type, body };
        let additions = Additions { request_id: b"id", date: DATE, strict_transport: None };
        own_response(&mut out, &answer, &additions, connection, false);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("Sec-WebSocket-Version: 13\r\n") && text.ends_with(line), "{text}");
        assert_eq!(text.matches("Upgrade: websocket\r\n").count(), 1, "{text}");
    }
}

#[test]
fn equal_lengths_of_a_body_that_is_not_sent_go_on_as_one() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 05\r\n\r\n";
    let out = answered(ok, Framing::Empty, Connection::Implied);
    assert_eq!(out.matches("Content-Length: 5\r\n").count(), 1, "{out}");
    assert_eq!(out.matches("Content-Length").count(), 1, "{out}");
}

#[test]
fn the_time_that_an_endpoint_tells_is_kept_and_cannot_be_taken_away() {
    let theirs =
        "HTTP/1.1 200 OK\r\nConnection: date\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
    let out = answered(theirs, Framing::Length(0), Connection::Implied);
    assert!(
        out.contains("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") && !out.contains(DATE),
        "{out}"
    );
}

fn parsed(bytes: &[u8]) -> RequestHead {
    let mut fields = Fields { buffer: bytes.to_vec(), ..Fields::default() };
    parse_request(&mut fields, bytes.len(), LIMITS).unwrap().unwrap().0
}

fn parsed_response(bytes: &[u8]) -> ResponseHead {
    let mut fields = Fields { buffer: bytes.to_vec(), ..Fields::default() };
    parse_response(&mut fields, bytes.len(), LIMITS).unwrap().unwrap().0
}

fn end_to_end_of(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    end_to_end(fields).map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

/// Lines of a head, hop-by-hop ones and those of a proxy among them.
fn lines() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Connection: x-a, keep-alive\r\n",
        "Connection: close\r\n",
        "TE: trailers\r\n",
        "Trailer: x-a\r\n",
        "Keep-Alive: 5\r\n",
        "Accept: */*\r\n",
        "User-Agent: u\r\n",
        "Cookie: c\r\n",
        "Via: 1.0 a\r\n",
        "X-Forwarded-For: 1.1.1.1\r\n",
        "x-a: 1\r\n",
        "Upgrade: chat\r\n",
        "Connection: upgrade\r\n",
        "Date: d\r\n",
        "Referer: r\r\n",
        "x-empty:\r\n",
    ]);
    let any = ("x-[a-z0-9-]{0,8}", "[!-~]([ -~]{0,10}[!-~])?")
        .prop_map(|(name, value)| format!("{name}:{value}\r\n"));
    prop::collection::vec(prop_oneof![known.prop_map(str::to_owned), any], 0..10)
        .prop_map(|lines| lines.concat())
}

const BODIES: [&str; 3] = ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"];

proptest! {
    #[test]
    fn a_request_that_goes_on_says_the_same_end_to_end(
        lines in lines(), method in prop::sample::select(vec!["GET", "POST", "OPTIONS", "PURGE"]), body in 0..BODIES.len(),
    ) {
        let text = format!("{method} /a?b HTTP/1.1\r\nHost: h:1\r\n{lines}{}\r\n", BODIES[body]);
        let before = parsed(text.as_bytes());
        let framing = request_framing(&before).unwrap();
        let out = forwarded(&text, true, framing);
        let after = parsed(out.as_bytes());
        prop_assert_eq!(after.method_token(), before.method_token());
        prop_assert_eq!((after.path(), after.authority()), (before.path(), before.authority()));
        prop_assert_eq!(request_framing(&after), Ok(framing));
        prop_assert_eq!(after.fields.all(FieldName::Host).count(), 1);
        let mut expected = end_to_end_of(&before.fields);
        expected.push((b"Via".to_vec(), b"1.1 evenkeel".to_vec()));
        prop_assert_eq!(end_to_end_of(&after.fields), expected);
        prop_assert_eq!(offered(&after, framing), offered(&before, framing));
    }

    #[test]
    fn an_answer_that_goes_on_says_the_same_end_to_end(lines in lines(), body in 0..BODIES.len()) {
        let text = format!("HTTP/1.1 200 Fine\r\n{lines}{}\r\n", BODIES[body]);
        let before = parsed_response(text.as_bytes());
        let framing = match response_framing(&before, Method::Get).unwrap() {
            Framing::UntilClose => Framing::Chunked,
            known => known,
        };
        let out = answered(&text, framing, Connection::Implied);
        let after = parsed_response(out.as_bytes());
        prop_assert_eq!((after.status, after.reason()), (before.status, before.reason()));
        prop_assert_eq!(response_framing(&after, Method::Get), Ok(framing));
        let mut expected = end_to_end_of(&before.fields);
        if !before.fields.contains(FieldName::Date) {
            expected.push((b"Date".to_vec(), DATE.into()));
        }
        expected.push((b"Via".to_vec(), b"1.1 evenkeel".to_vec()));
        prop_assert_eq!(end_to_end_of(&after.fields), expected);
    }
}
