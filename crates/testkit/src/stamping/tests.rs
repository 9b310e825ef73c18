use std::env;
use std::fs;
use std::process;

use super::*;
use crate::ledger::{Book, Class, Ledger, Load, Method};
use crate::ports::free_port;

/// One within this process, for what does not need a process of its own; and its journal.
struct Within {
    address: SocketAddr,
    serving: std::sync::Arc<Serving>,
    journal: PathBuf,
}

impl Within {
    fn start(name: &str, conduct: Conduct) -> Self {
        let journal = env::temp_dir().join(format!("evenkeel-journal-{name}-{}", process::id()));
        drop(fs::remove_file(&journal));
        let listener = listen(([127, 0, 0, 1], free_port().unwrap()).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Serving::start(listener, &journal, conduct).unwrap();
        Self { address, serving, journal }
    }

    fn kept(&self) -> Book {
        let load = Load { rate: 200, deadline: Duration::from_millis(500), ..Load::default() };
        let ledger = Ledger::start(self.address, load, 1);
        wait_until(LONG, || ledger.due() >= 20).unwrap();
        ledger.close()
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.journal));
    }
}

#[test]
fn every_answer_is_stamped_and_every_beginning_is_in_the_journal() {
    for (name, chunked, body) in
        [("length", false, 1000), ("chunks", true, 1000), ("empty", true, 0)]
    {
        let conduct = Conduct { chunked, body, ..Conduct::default() };
        let origin = Within::start(name, conduct);
        let book = origin.kept();
        assert_eq!(book.count(Class::Ok), book.entries.len(), "{:?}", book.failures());
        assert!(book.asked(Method::Post) >= 5 && book.asked(Method::Get) >= 15);
        let began = journal::read(&origin.journal).unwrap();
        assert_eq!(began.len(), book.entries.len());
        assert!(began.iter().all(|began| book.entries.iter().any(|entry| entry.id == began.id)));
    }
}

#[test]
fn an_origin_that_is_unwell_is_so_in_the_way_that_it_is_told() {
    let every = |conduct: Conduct, expected: Class| {
        let origin = Within::start(&format!("{expected}{}", conduct.cut.0 as u8), conduct);
        let book = origin.kept();
        assert_eq!(book.count(expected), book.entries.len(), "{conduct:?}: {:?}", book.failures());
    };
    let well = Conduct::default();
    every(Conduct { failing: (503, 1), ..well }, Class::Unavailable);
    every(Conduct { failing: (500, 1), ..well }, Class::Failed5xx);
    every(Conduct { cut: (Phase::BeforeHead, Cut::Close, 1), ..well }, Class::Reset);
    every(Conduct { cut: (Phase::AfterHead, Cut::Close, 1), ..well }, Class::Truncated);
    every(
        Conduct { cut: (Phase::MidBody, Cut::Reset, 1), chunked: true, ..well },
        Class::Truncated,
    );
    every(Conduct { drip: Drip::Head, ..well }, Class::TimedOut);
    every(Conduct { drip: Drip::Body, ..well }, Class::TimedOut);
    for ends in [Ends::Announced, Ends::Silent, Ends::Half] {
        every(Conduct { ends, ..well }, Class::Ok);
    }
}

#[test]
fn connections_that_are_reset_at_once_serve_nobody() {
    let conduct = Conduct { greeting: Greeting::Reset, ..Conduct::default() };
    let origin = Within::start("greeting", conduct);
    let book = origin.kept();
    // The reset may come before the client knows that it is connected.
    let lost = book.count(Class::NotConnected) + book.count(Class::Reset);
    assert_eq!(lost, book.entries.len(), "{:?}", book.failures());
}

#[test]
fn it_works_on_no_more_at_the_same_time_than_it_may() {
    let service = Duration::from_millis(40);
    let origin = Within::start("room", Conduct { service, concurrency: 2, ..Conduct::default() });
    // Twenty of them at two per 40 ms take 400 ms, though they come within 100 ms.
    let book = origin.kept();
    assert!(book.quantile(1.0) > Duration::from_millis(250), "{:?}", book.quantile(1.0));
    let began = journal::read(&origin.journal).unwrap();
    assert!(began.len() >= 20);
}

#[test]
fn every_other_request_fails_and_then_none() {
    let origin = Within::start("half", Conduct { failing: (503, 2), ..Conduct::default() });
    let book = origin.kept();
    let failed = book.count(Class::Unavailable);
    assert!(failed * 2 == book.entries.len() || failed * 2 + 1 == book.entries.len());
    origin.serving.behave(Conduct::default());
    assert_eq!(origin.kept().failures(), []);
    wait_until(LONG, || origin.serving.count().1 == 0).unwrap();
}
