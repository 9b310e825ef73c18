use super::*;
use crate::http1::{ParseLimits, parse_request, parse_response};

const LIMITS: ParseLimits = ParseLimits { fields: 20, target_bytes: 64 };
const ID: &str = "0192d1a0-0000-7000-8000-000000000000";

fn forwarded(text: &str, trusted: bool, framing: Framing) -> String {
    let mut fields = Fields { buffer: text.as_bytes().to_vec(), ..Fields::default() };
    let (head, _) = parse_request(&mut fields, text.len(), LIMITS).unwrap().unwrap();
    let client =
        ClientFacts { address: [192, 0, 2, 7].into(), scheme: "http", trusted, request_id: ID };
    let mut out = Vec::new();
    request_head(&mut out, &head, &client, framing, "127.0.0.1:9001");
    String::from_utf8(out).unwrap()
}

fn answered(text: &str, framing: Framing, connection: Connection) -> String {
    let mut fields = Fields { buffer: text.as_bytes().to_vec(), ..Fields::default() };
    let (head, _) = parse_response(&mut fields, text.len(), LIMITS).unwrap().unwrap();
    let mut out = Vec::new();
    response_head(&mut out, &head, framing, connection, ID.as_bytes());
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
    assert!(out.ends_with("Via: 1.1 evenkeel\r\nTransfer-Encoding: chunked\r\n\r\n"), "{out}");
}

#[test]
fn an_answer_goes_on_with_our_framing() {
    let text = "HTTP/1.1 200 OK\r\nServer: s\r\nConnection: close\r\nContent-Length: 5\r\nX-Request-ID: theirs\r\n\r\n";
    assert_eq!(
        answered(text, Framing::Length(5), Connection::Implied),
        format!(
            "HTTP/1.1 200 OK\r\nServer: s\r\nX-Request-ID: {ID}\r\nVia: 1.1 evenkeel\r\nContent-Length: 5\r\n\r\n"
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
    let response = PlainResponse {
        status: 503,
        request_id: b"id",
        date: "Sat, 21 Nov 2026 03:00:00 GMT",
        text: "No endpoint is up.\n",
        connection: Connection::Close,
        head_only: false,
    };
    let mut out = Vec::new();
    plain_response(&mut out, &response);
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
                Date: Sat, 21 Nov 2026 03:00:00 GMT\r\nX-Request-ID: id\r\n\
                Content-Length: 19\r\nConnection: close\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), format!("{head}No endpoint is up.\n"));
    let mut out = Vec::new();
    plain_response(&mut out, &PlainResponse { head_only: true, ..response });
    assert_eq!(String::from_utf8(out).unwrap(), head);
}
