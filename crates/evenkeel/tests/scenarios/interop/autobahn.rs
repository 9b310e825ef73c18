//! The Autobahn test suite, which plays every trick of RFC 6455 on a WebSocket server: through us it has to find what it finds without us.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::{Process, skipped};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::programs::both;
use super::servers::Server;

#[test]
fn autobahn_finds_the_same_through_us_as_without_us() {
    let name = "autobahn_finds_the_same_through_us_as_without_us";
    let Some((suite, server)) = both(Suite::find(name), || Server::websockets(name)) else {
        return;
    };
    let running = server.behind_us();
    let through = running.address.to_string();
    let mut cases: Vec<String> = CASES.map(str::to_owned).to_vec();
    // What is left to chance, such as whether a server still answers a message behind which a broken one follows, need not be the same
    // each time: what came of a case through us has to be one of the things that come of it without us.
    let mut seen = BTreeMap::<String, [Vec<Outcome>; 2]>::new();
    for round in 0..ROUNDS {
        let runs = [&server.address, &through].map(|address| suite.begin(address, &cases));
        let [direct, through] = runs.map(Run::finish);
        assert!(round > 0 || direct.len() >= CASES_MIN, "only {} cases", direct.len());
        assert!(direct.keys().eq(through.keys()), "{direct:?} {through:?}");
        for (side, found) in [direct, through].into_iter().enumerate() {
            for (case, outcome) in found {
                seen.entry(case).or_default()[side].push(outcome);
            }
        }
        seen.retain(|_, [direct, through]| !through.iter().any(|it| direct.contains(it)));
        cases = seen.keys().cloned().collect();
        if cases.is_empty() {
            break;
        }
    }
    assert!(seen.is_empty(), "case, directly, through us: {seen:#?}");
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

/// The suite, as `cargo xtask test` installs it.
struct Suite {
    environment: PathBuf,
}

/// A run of the suite.
struct Run {
    process: Process,
    directory: TempDir,
}

/// What came of a case: how the server has behaved, at the closing handshake too, with which code it has closed, and what it has sent.
type Outcome = [Value; 4];

impl Suite {
    fn find(test: &str) -> Option<Self> {
        let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python2");
        // Written when all of it is there.
        if environment.join("requirements-installed.txt").is_file() {
            return Some(Self { environment });
        }
        skipped(test, "the Autobahn test suite is not installed, which needs Python 2.7");
        None
    }

    /// Plays these cases on the server at `address`.
    fn begin(&self, address: &str, cases: &[String]) -> Run {
        let directory = TempDir::new().unwrap();
        let server =
            json!({ "agent": AGENT, "url": format!("ws://{address}"), "protocols": ["chat"] });
        let specification = json!({
            "outdir": directory.path().join("found"),
            "servers": [server],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        });
        let file = directory.path().join("cases.json");
        fs::write(&file, specification.to_string()).unwrap();
        let mut suite = Command::new(self.environment.join("bin/wstest"));
        suite.env("PYTHONUSERBASE", &self.environment).current_dir(directory.path());
        let process = suite.args(["--mode", "fuzzingclient", "--spec"]).arg(file);
        Run { process: Process::spawn(process).unwrap(), directory }
    }
}

impl Run {
    /// What came of each case.
    fn finish(mut self) -> BTreeMap<String, Outcome> {
        let code = self.process.exit_status(RUN_MAX).unwrap_or_else(|error| {
            panic!("{error}: {}\n{}", self.process.stdout(), self.process.stderr())
        });
        assert!(code.success(), "{code}: {}", self.process.stderr());
        let read = |name: &str| -> Value {
            let file = self.directory.path().join("found").join(name);
            // Half a character, which some cases send, is none in JSON: what stands for it is taken for text.
            let text =
                fs::read_to_string(file).unwrap().replace(r"\\", "/").replace(r"\ud", "half ");
            serde_json::from_str(&text).unwrap()
        };
        let index = read("index.json");
        let outcome = |(case, found): (&String, &Value)| {
            let report = read(found["reportfile"].as_str().unwrap());
            let told = ["behavior", "behaviorClose", "remoteCloseCode", "received"];
            (case.clone(), told.map(|key| report[key].clone()))
        };
        index[AGENT].as_object().unwrap().iter().map(outcome).collect()
    }
}

const AGENT: &str = "echo";

/// All but most of the 216 cases of compression, which take an hour: it is between client and server, and a frame is a frame to us. But what is
/// negotiated passes us, so there is one for each offer.
const CASES: [&str; 18] = [
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.1.1", "12.1.3", "13.1.1",
    "13.2.1", "13.3.1", "13.4.1", "13.5.1", "13.6.1", "13.7.1",
];

/// Fewer were not played.
const CASES_MIN: usize = 306;

/// How often it is tried to see the same.
const ROUNDS: usize = 20;

/// A run takes half a minute on a machine that has nothing else to do.
const RUN_MAX: Duration = Duration::from_secs(300);
