//! A script of a client and an endpoint, played through the real data path. Whatever both of them say, the endpoint gets whole
//! requests that the client sent, the client gets answers that are complete or visibly broken, and it comes to an end.
#![no_main]

use std::cell::RefCell;

use evenkeel_fuzz::heads::{self, ALL_NAMES};
use evenkeel_fuzz::proxy::{Brought, Stage};
use evenkeel_fuzz::script::{Script, Step, script};
use evenkeel_fuzz::stream;
use evenkeel_proto::http1::{BodyDecoder, request_framing};
use evenkeel_proto::path::PathRules;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::start().expect("loopback"));
}

fuzz_target!(|bytes: &[u8]| {
    let script = script(bytes);
    let sent = sent(&script);
    let shown = format!("{script:#?}");
    let played = STAGE.with(|stage| stage.borrow_mut().play(script)).expect("sockets");
    let played = played.unwrap_or_else(|| panic!("it does not end: {shown}"));
    for brought in &played.endpoint {
        assert_whole_requests(brought, &sent);
    }
    assert_whole_answers(&played.client, &sent);
});

/// A request that the client has sent, with as much of its body as came.
#[derive(Debug)]
struct Sent {
    start: [String; 2],
    body: Vec<u8>,
}

/// The requests that the client has sent, as far as anybody can tell.
fn sent(script: &Script) -> Vec<Sent> {
    let send = |step: &Step| if let Step::Send(bytes) = step { bytes.clone() } else { Vec::new() };
    let open = script.client.iter().take_while(|step| !matches!(step, Step::Close));
    let stream: Vec<u8> = open.flat_map(send).collect();
    let names = ALL_NAMES[usize::from(script.settings & 3) % ALL_NAMES.len()];
    let (mut found, mut rest) = (Vec::new(), &stream[..]);
    while let Ok(Some((mut head, length))) = heads::request(rest, names) {
        let Ok(framing) = request_framing(&head) else { break };
        if head.normalise_path(&PathRules::default()).is_err() {
            break;
        }
        let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let start = [word(head.method_token()), word(head.path())];
        let (mut decoder, mut body) = (BodyDecoder::new(framing), rest[length..].to_vec());
        let decoded = decoder.decode(&mut body);
        body.truncate(decoded.map_or(body.len(), |decoded| decoded.payload));
        found.push(Sent { start, body });
        let Ok(decoded) = decoded else { break };
        if !decoder.is_done() {
            break;
        }
        rest = &rest[length + decoded.consumed..];
    }
    found
}

fn assert_whole_requests(brought: &Brought, sent: &[Sent]) {
    let bytes = &brought.bytes[..brought.switched.unwrap_or(brought.bytes.len())];
    let show = || bytes.escape_ascii();
    let requests = stream::requests(bytes).unwrap_or_else(|error| panic!("{error}: {}", show()));
    for request in requests {
        let is_its = |body: &[u8]| match request.complete {
            true => body == request.body,
            // A body that breaks a rule later on may have been passed on up to there.
            false => body.starts_with(&request.body) || body.len() > request.body.len(),
        };
        let known = sent.iter().any(|sent| sent.start == request.start && is_its(&sent.body));
        assert!(known, "nobody sent {request:?}: {}\n{sent:?}", show());
        assert_eq!(stream::values(&request.fields, "x-request-id").count(), 1, "{}", show());
    }
}

/// One final answer for each request at most, and one more to what was none.
fn assert_whole_answers(bytes: &[u8], sent: &[Sent]) {
    let (mut rest, mut finals) = (bytes, 0);
    while !rest.is_empty() {
        let show =
            || format!("{}\nat {}\n{sent:?}", bytes.escape_ascii(), bytes.len() - rest.len());
        let method = sent.get(finals).map_or("GET", |sent| &sent.start[0]);
        let answer = stream::answer(rest, method);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {}", show()));
        // Cut off in its head, which nobody takes for an answer.
        let Some(answer) = answer else { return };
        let status = &answer.start[0];
        if status == "101" {
            return;
        }
        if !status.starts_with('1') {
            finals += 1;
            assert!(finals <= sent.len() + 1, "an answer to nothing: {}", show());
            assert!(finals <= sent.len() || status.starts_with(['4', '5']), "{}", show());
            assert_ne!(status, "299", "an answer that nobody asked for: {}", show());
            for echo in stream::values(&answer.fields, "x-echo") {
                let asked = sent[finals - 1].start.join(" ");
                assert_eq!(echo.escape_ascii().to_string(), asked, "not its own: {}", show());
            }
            let ids = stream::values(&answer.fields, "x-request-id").count();
            assert_eq!(ids, 1, "{}", show());
        }
        rest = &rest[answer.end..];
        assert!(answer.complete || rest.is_empty(), "{}", show());
    }
}
