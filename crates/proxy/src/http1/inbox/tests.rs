use std::future::poll_fn;
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use evenkeel_proto::field::UnusualNames;

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 1024,
    parse: ParseLimits { fields: 20, target_bytes: 64, names: UnusualNames::Drop },
};

/// A socket to read from, and the one whose bytes come out there.
fn pair() -> (Io, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (Io::new(near.into()), far)
}

fn poll(
    inbox: &mut Inbox,
    cx: &mut Context<'_>,
    io: &Io,
    buffers: &Buffers,
) -> Poll<Result<RequestHead, HeadError>> {
    inbox.poll_head(cx, io, buffers, &LIMITS)
}

#[tokio::test(flavor = "local")]
async fn a_head_that_comes_slowly_holds_no_whole_buffer() {
    let (io, mut far) = pair();
    let (mut inbox, buffers) = (Inbox::default(), Buffers::default());
    let text = b"\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /next";
    for byte in &text[..text.len() - 11] {
        far.write_all(&[*byte]).unwrap();
        let pending = poll_fn(|cx| Poll::Ready(poll(&mut inbox, cx, &io, &buffers).is_pending()));
        assert!(pending.await);
        assert!(inbox.buffer.len() <= text.len(), "{}", inbox.buffer.len());
    }
    far.write_all(&text[text.len() - 11..]).unwrap();
    let head = poll_fn(|cx| poll(&mut inbox, cx, &io, &buffers)).await.unwrap();
    assert_eq!(head.path(), b"/slow");
    let mut rest = [0; 20];
    let count = inbox.take(&mut rest);
    assert_eq!(&rest[..count], b"GET /next");
}

#[tokio::test(flavor = "local")]
async fn whoever_waits_for_an_answer_holds_no_buffer() {
    let (io, _far) = pair();
    let (mut inbox, buffers) = (Inbox::default(), Buffers::default());
    let pending = poll_fn(|cx| Poll::Ready(poll(&mut inbox, cx, &io, &buffers).is_pending()));
    assert!(pending.await);
    assert_eq!(inbox.buffer.capacity(), 0);
}

#[tokio::test(flavor = "local")]
async fn a_head_that_does_not_end_within_its_limit_is_refused_for_what_is_too_long() {
    let cases = [
        (format!("GET /{}", "a".repeat(2000)), HeadError::TargetTooLong),
        (format!("GET / HTTP/1.1\r\nHost: {}", "a".repeat(2000)), HeadError::TooLong),
        (format!("GET /{} HTTP/1.1\r\nHost", "a".repeat(1200)), HeadError::TargetTooLong),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(64)),
            HeadError::Refused(ParseError::TargetTooLong),
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(20)),
            HeadError::Refused(ParseError::TooManyFields),
        ),
    ];
    for (text, error) in cases {
        let (io, mut far) = pair();
        far.write_all(text.as_bytes()).unwrap();
        let (mut inbox, buffers) = (Inbox::default(), Buffers::default());
        let refused = poll_fn(|cx| poll(&mut inbox, cx, &io, &buffers)).await.unwrap_err();
        assert_eq!(refused, error, "{text}");
    }
}

/// A client that sends its first message of TLS byte by byte makes us read it once, and what it is stays for whom it is meant.
#[tokio::test(flavor = "local")]
async fn a_hello_that_comes_slowly_stays_unread() {
    let (io, mut far) = pair();
    let (mut inbox, buffers) = (Inbox::default(), Buffers::default());
    let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
    // TLS 1.2, one cipher suite, no extensions; and the beginning of what comes next.
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let hello = [&[22, 3, 1, 0, 45, 1, 0, 0, 41][..], &body].concat();
    let sent = [&hello[..], b"early"].concat();
    for byte in &hello[..hello.len() - 1] {
        far.write_all(&[*byte]).unwrap();
        let pending = poll_fn(|cx| {
            Poll::Ready(inbox.poll_hello(cx, &io, &buffers, &mut reader).is_pending())
        });
        assert!(pending.await);
        assert!(inbox.buffer.len() <= hello.len(), "{}", inbox.buffer.len());
    }
    far.write_all(&sent[hello.len() - 1..]).unwrap();
    let read = poll_fn(|cx| inbox.poll_hello(cx, &io, &buffers, &mut reader)).await.unwrap();
    assert_eq!((read.server_name, read.legacy_version), (None, 0x0303));
    let mut all = vec![0; 100];
    let count = inbox.take(&mut all);
    assert_eq!(&all[..count], sent);
}

#[tokio::test(flavor = "local")]
async fn a_hello_that_is_none_is_refused_and_one_that_breaks_off_is_an_end() {
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1"[..], NoHello::Refused(HelloError::NotTls)),
        (b"\x16\x03\x01\x40\x00\x01\x00\xff\xff", NoHello::Refused(HelloError::TooLarge)),
        (b"\x16\x03", NoHello::Closed),
        (b"", NoHello::Closed),
    ] {
        let (io, mut far) = pair();
        let (mut inbox, buffers) = (Inbox::default(), Buffers::default());
        let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
        far.write_all(bytes).unwrap();
        drop(far);
        let read = poll_fn(|cx| inbox.poll_hello(cx, &io, &buffers, &mut reader)).await;
        assert_eq!(read, Err(expected), "{bytes:?}");
    }
}
