//! Where hostile peers meet the balancer: one origin that records every byte, one balancer before it, and a judge of both.

use std::fs;
use std::path::PathBuf;

use evenkeel_testkit::{Behaviour, Client, Origin, Request, Response, Script, wait_until};
use tempfile::TempDir;

use crate::hostile_judge::assert_readers_agree;
use crate::running::{GET, LONG, Running};

/// A balancer before one origin which it does not check, so that every byte there is of an exchange.
pub(crate) struct Arena {
    pub(crate) origin: Origin,
    pub(crate) running: Running,
    directory: TempDir,
}

impl Arena {
    /// Before an origin that answers everything with `well`.
    pub(crate) fn new() -> Self {
        Self::before(|_: &Request| Script::ok("well"), "", "")
    }

    /// Before an origin with this behaviour; `listener` and `cluster` are more lines of their sections.
    pub(crate) fn before(behaviour: impl Behaviour, listener: &str, cluster: &str) -> Self {
        let origin = Origin::start(behaviour).unwrap();
        let directory = TempDir::new().unwrap();
        let running = Running::from_toml(&format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n{listener}\n\
             [cluster.origin]\nendpoints = [\"{}\"]\nhealth = false\n{cluster}\n\
             [log]\naccess = {{ path = \"{}\" }}\n",
            origin.address(),
            log_in(&directory).display()
        ));
        Self { origin, running, directory }
    }

    /// Before an origin that always plays the same.
    pub(crate) fn playing(script: Script) -> Self {
        Self::before(move |_: &Request| script.clone(), "", "")
    }

    pub(crate) fn connect(&self) -> Client {
        self.running.connect()
    }

    /// Each of `requests`, whole and byte by byte, is answered with one of `statuses`, the connection is closed, and no
    /// request reaches the origin.
    #[track_caller]
    pub(crate) fn refuses<R: AsRef<[u8]>>(&self, statuses: &[u16], requests: &[R]) {
        let before = self.origin.request_count();
        for request in requests.iter().map(AsRef::as_ref) {
            for size in [request.len(), 1] {
                let shown = request.escape_ascii();
                let mut client = self.connect();
                // The other side may have had enough before the end.
                drop(client.send_in_pieces(request, size));
                let response = client.read_response(LONG);
                let response = response.unwrap_or_else(|error| panic!("{shown}: {error}"));
                assert!(statuses.contains(&response.status), "{shown}: {}", response.status);
                assert_eq!(response.header("connection"), Some("close"), "{shown}");
                let more = client.read_to_end(LONG).unwrap();
                assert_eq!(more, b"", "{shown}");
                let seen = self.origin.request_count() - before;
                assert_eq!(seen, 0, "{shown} reached the origin");
            }
        }
        self.judge(Records::MayBeCut);
        assert_eq!(self.running.get("/").text(), "well");
        assert_eq!(self.origin.request_count(), before + 1);
    }

    /// `request` is answered with 200, and reaches the origin as one request, which is returned.
    #[track_caller]
    pub(crate) fn passes(&self, request: impl AsRef<[u8]>) -> Request {
        let shown = request.as_ref().escape_ascii();
        let before = self.origin.request_count();
        let mut client = self.connect();
        let response = client.exchange(request.as_ref(), LONG);
        let response = response.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(response.status, 200, "{shown}");
        assert_eq!(client.leftover(), b"", "{shown}");
        let mut requests = self.origin.requests().split_off(before);
        assert_eq!(requests.len(), 1, "{shown} became {requests:?}");
        requests.remove(0)
    }

    /// The next request is served as if nothing had been.
    #[track_caller]
    pub(crate) fn serves(&self) -> Response {
        let response = self.connect().exchange(GET, LONG).unwrap();
        assert_eq!(response.status, 200);
        response
    }

    /// As many requests reached the origin as the balancer says that it has forwarded, in its metrics and in its log; two readers of every recorded byte
    /// find the same requests there, and nothing left over.
    #[track_caller]
    pub(crate) fn judge(&self, records: Records) {
        if records != Records::MayBeCut {
            let counts = || (self.origin.request_count() as u64, self.forwarded());
            let agreed = wait_until(LONG, || counts().0 == counts().1);
            agreed.unwrap_or_else(|_| panic!("(origin, balancer) count {:?}", counts()));
        }
        if records == Records::AreWhole {
            let count = self.origin.request_count() as u64;
            let logged = wait_until(LONG, || self.logged() == count);
            logged.unwrap_or_else(|_| panic!("{} logged of {count}", self.logged()));
        }
        let readings = self.origin.readings().unwrap();
        for reading in &readings {
            assert!(records == Records::MayBeCut || !reading.is_cut, "{reading:?}");
            assert_readers_agree(reading);
        }
        let whole: usize = readings.iter().map(|reading| reading.requests.len()).sum();
        let cut = readings.iter().filter(|reading| reading.is_cut).count();
        assert!((whole + cut) as u64 <= self.forwarded(), "{readings:?}");
        assert!(whole >= self.origin.request_count(), "{readings:?}");
    }

    /// How many requests were begun on a connection to the origin.
    fn forwarded(&self) -> u64 {
        let metric = |name, label| self.running.metric(name, label);
        metric("evenkeel_upstream_connects_total", "result=\"ok\"")
            + metric("evenkeel_upstream_reuses_total", "")
    }

    /// How many requests the access log says were passed on.
    fn logged(&self) -> u64 {
        let log = fs::read_to_string(log_in(&self.directory)).unwrap();
        log.lines().filter(|line| line.contains("\"evenkeel.endpoint\":")).count() as u64
    }
}

fn log_in(directory: &TempDir) -> PathBuf {
    directory.path().join("access.log")
}

/// What the origin's records may end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// Nothing but complete requests, each of an exchange of its own.
    AreWhole,
    /// The same, but some were sent once more because an idle connection had been closed.
    MayRepeat,
    /// A request that breaks off, because one of the two sides did.
    MayBeCut,
}

/// A POST with these field lines and these bytes behind its head.
pub(crate) fn post(fields: impl AsRef<[u8]>, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let head = b"POST / HTTP/1.1\r\nHost: test\r\n";
    [head, fields.as_ref(), b"\r\n", rest.as_ref()].concat()
}

/// A GET with these field lines.
pub(crate) fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: test\r\n", fields.as_ref(), b"\r\n"].concat()
}

/// A request that must never be seen by anybody.
pub(crate) const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
