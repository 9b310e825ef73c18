use super::*;
use crate::origin::{Origin, Request, Script};
use crate::stamp;
use crate::wait_until;

const SOON: Duration = Duration::from_secs(20);

/// What a ledger of a few requests says of an origin that answers so. Ids begin at 100.
fn classes(answer: impl Fn(u64, &Request) -> Script + Send + Sync + 'static) -> Vec<Class> {
    let origin = Origin::start(move |request: &Request| {
        let id = request.fields.get(stamp::ID).unwrap().parse().unwrap();
        answer(id, request)
    })
    .unwrap();
    kept(origin.address()).entries.iter().map(|entry| entry.class).collect()
}

fn kept(address: SocketAddr) -> Book {
    let load = Load { rate: 100, posts: 2, post_bytes: 100, deadline: Duration::from_millis(400) };
    let ledger = Ledger::start(address, load, 100);
    wait_until(SOON, || ledger.due() >= 4).unwrap();
    ledger.close()
}

/// A right answer to `id`, whose request had the body `sent`; of its body, `changed`.
fn stamped(id: u64, sent: &[u8], changed: &[u8]) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nLedger-Id: {id}\r\nLedger-Digest: {}\r\nLedger-Length: 60\r\n\
         Content-Length: {}\r\n\r\n{}",
        stamp::digest(sent),
        changed.len(),
        String::from_utf8_lossy(changed)
    )
}

#[track_caller]
fn assert_all(classes: &[Class], expected: Class) {
    assert!(classes.len() >= 4, "{classes:?}");
    assert!(classes.iter().all(|&class| class == expected), "{expected}: {classes:?}");
}

#[test]
fn right_answers_are_right() {
    let seen =
        classes(|id, request| Script::new().send(stamped(id, &request.body, &stamp::body(id, 60))));
    assert_all(&seen, Class::Ok);
}

#[test]
fn an_answer_that_is_short_and_looks_complete_is_the_worst_of_all() {
    let seen =
        classes(|id, request| Script::new().send(stamped(id, &request.body, &stamp::body(id, 59))));
    assert_all(&seen, Class::TruncatedSilently);
}

#[test]
fn whatever_belongs_to_another_request_is_noticed() {
    let mine = |id: u64, request: &Request| stamped(id, &request.body, &stamp::body(id, 60));
    assert_all(&classes(move |id, r| Script::new().send(mine(id + 1, r))), Class::WrongAnswer);
    let body = |id: u64, r: &Request| stamped(id, &r.body, &stamp::body(id + 1, 60));
    assert_all(&classes(move |id, r| Script::new().send(body(id, r))), Class::WrongAnswer);
    let digest = |id: u64| stamped(id, b"other", &stamp::body(id, 60));
    assert_all(&classes(move |id, _| Script::new().send(digest(id))), Class::WrongAnswer);
    let behind = move |id, r: &Request| mine(id, r) + "HTTP/1.1 200 OK\r\n";
    assert_all(&classes(move |id, r| Script::new().send(behind(id, r))), Class::WrongAnswer);
    let unstamped = || Script::ok("hello");
    assert_all(&classes(move |_, _| unstamped()), Class::WrongAnswer);
}

#[test]
fn a_failure_has_the_class_of_its_status_if_it_is_stamped_for_this_request_or_not_at_all() {
    for (status, class) in [
        (404, Class::Refused4xx),
        (500, Class::Failed5xx),
        (502, Class::BadGateway),
        (503, Class::Unavailable),
        (504, Class::GatewayTimeout),
    ] {
        let answer = move |stamp: String| {
            Script::new()
                .send(format!("HTTP/1.1 {status} No\r\n{stamp}Content-Length: 2\r\n\r\nno"))
        };
        assert_all(&classes(move |_, _| answer(String::new())), class);
        assert_all(&classes(move |id, _| answer(format!("Ledger-Id: {id}\r\n"))), class);
        let others = classes(move |id, _| answer(format!("Ledger-Id: {}\r\n", id + 1)));
        assert_all(&others, Class::WrongAnswer);
    }
}

#[test]
fn ends_before_and_within_an_answer_are_told_apart() {
    assert_all(&classes(|_, _| Script::new().close()), Class::Reset);
    assert_all(&classes(|_, _| Script::new().reset()), Class::Reset);
    assert_all(&classes(|_, _| Script::new().send("HTTP/1.1 2").close()), Class::Truncated);
    let part = |id, request: &Request| {
        let whole = stamped(id, &request.body, &stamp::body(id, 60));
        Script::new().send(&whole[..whole.len() - 1])
    };
    assert_all(&classes(move |id, r| part(id, r).close()), Class::Truncated);
    let address = ([127, 0, 0, 1], crate::ports::free_port().unwrap()).into();
    let refused: Vec<Class> = kept(address).entries.iter().map(|entry| entry.class).collect();
    assert_all(&refused, Class::NotConnected);
}

#[test]
fn time_counts_from_when_a_request_was_due() {
    let gate = crate::Gate::new();
    let origin = Origin::start({
        let gate = gate.clone();
        move |_: &Request| {
            assert!(gate.wait(SOON));
            Script::new()
        }
    })
    .unwrap();
    let book = kept(origin.address());
    gate.open();
    assert_eq!(book.count(Class::TimedOut), book.entries.len());
    assert_eq!(book.lost(Method::Get) + book.lost(Method::Post), book.entries.len());
    assert!(book.quantile(0.01) >= Duration::from_millis(400), "{:?}", book.quantile(0.01));
    assert_eq!(book.slower_than(Duration::from_millis(399)), book.entries.len());
}

#[test]
fn a_ledger_whose_client_did_not_keep_up_says_so() {
    let entry = |id, late| Entry {
        id,
        method: Method::Get,
        due: Moment(id),
        late: Duration::from_millis(late),
        took: Duration::from_millis(id),
        class: Class::Ok,
    };
    let entries = |late: u64| (0..100).map(move |id| entry(id, if id < late { 51 } else { 50 }));
    let book = |late, due| Book::new(Load::default(), entries(late).collect(), due, 0);
    assert_eq!(book(2, 100).lag(), None);
    assert!(book(3, 100).lag().unwrap().contains("3 of 100"));
    assert!(book(0, 101).lag().unwrap().contains("1 requests were not sent"));
    let middle = book(0, 100).between(Moment(10), Moment(20));
    assert_eq!((middle.entries.len(), middle.lag()), (10, None));
    let quantiles = [0.5, 0.99, 1.0].map(|share| middle.quantile(share).as_millis());
    assert_eq!(quantiles, [14, 19, 19]);
}
