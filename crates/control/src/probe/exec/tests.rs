use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::*;
use crate::probe::{NetworkProbe, Probe as _};

#[tokio::test]
async fn a_program_passes_by_ending_with_status_0_and_else_says_why_it_failed() {
    let signal = |signal| Ending::Signal(signal);
    let failed = |ending, words: &str| Err(Failure::Program { ending, words: words.to_owned() });
    let table = [
        ("exit 0", Ok(())),
        ("echo all is well; echo really >&2", Ok(())),
        ("exit 3", failed(Ending::Status(3), "")),
        ("echo disk is full; exit 2", failed(Ending::Status(2), "disk is full")),
        (
            "echo a remark; echo; echo a complaint >&2; exit 1",
            failed(Ending::Status(1), "a complaint"),
        ),
        (
            "printf 'no end of line \\033[31m'; exit 1",
            failed(Ending::Status(1), "no end of line ?[31m"),
        ),
        ("kill -15 $$", failed(signal(15), "")),
        // It reads nothing, and has none of our variables.
        ("read line && exit 1; test -z \"$HOME$CARGO$USER\" && test -n \"$PATH\"", Ok(())),
        (
            "test \"$EVENKEEL_CLUSTER $EVENKEEL_ENDPOINT $EVENKEEL_ADDRESS $EVENKEEL_HOST $EVENKEEL_PORT\" = \
          'shop db.internal:5432 127.0.0.1:5433 127.0.0.1 5433'",
            Ok(()),
        ),
        // More than fits into a pipe, and less than is cut off.
        ("head -c 300000 /dev/zero; exit 0", Ok(())),
        ("head -c 300000 /dev/zero >&2; echo; exit 4", failed(Ending::Status(4), &"?".repeat(200))),
    ];
    let stage = Stage::new();
    for (script, outcome) in table {
        let outcome = match outcome {
            Err(Failure::Program { ending, words }) if words.len() == 200 => {
                Err(Failure::Program { ending, words: format!("{words}…") })
            }
            other => other,
        };
        assert_eq!(stage.check(script).await, outcome, "{script}");
    }
}

#[tokio::test]
async fn arguments_go_to_the_program_as_they_are() {
    let stage = Stage::new();
    let script = stage.script("echo \"$# $1 $2\"; exit 1");
    let command = [shell(&script), vec!["$HOME; false".into(), "'*".into()]].concat();
    let failure = stage.run(command, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(failure.to_string(), "exit status 1: 2 $HOME; false '*");
}

#[tokio::test]
async fn a_program_that_cannot_be_run_says_nothing_about_the_endpoint() {
    let stage = Stage::new();
    let plain = stage.folder.path().join("plain");
    fs::write(&plain, "exit 0").unwrap();
    let absent = "/nonexistent/check";
    for (program, why) in [(plain.to_str().unwrap(), "Permission denied"), (absent, "No such file")]
    {
        let failure = stage.run(vec![program.into()], Duration::from_secs(30)).await.unwrap_err();
        assert!(failure.is_ours() && failure.kind() == "untried", "{failure:?}");
        let text = failure.to_string();
        assert!(
            text.starts_with(&format!("the check could not be made: cannot run {program}: {why}")),
            "{text}"
        );
    }
}

/// The script waits for a child, which waits for nothing; both write down who they are.
const FAMILY: &str = "sh -c 'echo $$ > child; exec sleep 1000' &\n echo $$ > parent; wait";

#[tokio::test]
async fn a_program_that_takes_too_long_is_killed_with_all_that_it_has_started() {
    let stage = Stage::new();
    let script = stage.script(FAMILY);
    let command = shell(&script);
    let limit = Duration::from_millis(500);
    let began = Instant::now();
    let failure = stage.run(command, limit).await.unwrap_err();
    assert_eq!(failure, Failure::StillRunning(limit));
    assert!(began.elapsed() >= limit);
    stage.until_gone("parent").await;
    stage.until_gone("child").await;
    stage.until_permitted().await;
}

#[tokio::test]
async fn a_check_that_is_cancelled_leaves_nothing_behind() {
    let stage = Stage::new();
    let script = stage.script(FAMILY);
    let target = stage.target(shell(&script), Duration::from_secs(1000));
    let permit = stage.permit().await;
    let check = tokio::spawn(async move { NetworkProbe.check(&target, permit).await });
    let both = || ["parent", "child"].iter().all(|name| stage.process(name).is_some());
    until(both, "the script has started").await;
    check.abort();
    assert!(check.await.unwrap_err().is_cancelled());
    stage.until_gone("parent").await;
    stage.until_gone("child").await;
    stage.until_permitted().await;
}

#[tokio::test]
async fn a_child_that_outlives_the_program_neither_holds_up_the_check_nor_survives_it() {
    let stage = Stage::new();
    let began = Instant::now();
    // It keeps both outputs open.
    let outcome = stage.check("sh -c 'echo $$ > child; exec sleep 1000' &\nwhile ! test -s child; do sleep 0.01; done").await;
    assert_eq!(outcome, Ok(()));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    stage.until_gone("child").await;
}

#[tokio::test]
async fn a_program_that_never_stops_writing_is_cut_off() {
    let outcome = Stage::new().check("exec yes").await;
    let words = "y".to_owned();
    assert_eq!(outcome, Err(Failure::Program { ending: Ending::Signal(13), words }));
}

/// A folder of scripts, which also run in it.
struct Stage {
    folder: TempDir,
    permits: Arc<Semaphore>,
}

impl Stage {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), permits: Arc::new(Semaphore::new(1)) }
    }

    fn script(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("check");
        let folder = self.folder.path().display();
        fs::write(&path, format!("#!/bin/sh\ncd {folder}\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn check(&self, script: &str) -> Result<(), Failure> {
        self.run(shell(&self.script(script)), Duration::from_secs(30)).await
    }

    async fn run(&self, command: Vec<Box<str>>, limit: Duration) -> Result<(), Failure> {
        let permit = self.permit().await;
        NetworkProbe.check(&self.target(command, limit), permit).await
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.permits).acquire_owned().await.unwrap()
    }

    fn target(&self, command: Vec<Box<str>>, limit: Duration) -> Target {
        let kind = CheckKind::Exec { command };
        Target {
            tls: None,
            http: HttpVersion::default(),
            gets_streams: false,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 5433)),
            cluster: "shop".into(),
            name: "db.internal:5432".into(),
            check: HealthCheck { kind, timeout: limit, ..HealthCheck::default() },
        }
    }

    /// The process that wrote its number into the file `name`.
    fn process(&self, name: &str) -> Option<u32> {
        fs::read_to_string(self.folder.path().join(name)).ok()?.trim().parse().ok()
    }

    /// A zombie is not gone.
    async fn until_gone(&self, name: &str) {
        let process = self.process(name).unwrap();
        until(|| !Path::new(&format!("/proc/{process}")).exists(), name).await;
    }

    async fn until_permitted(&self) {
        until(|| self.permits.available_permits() == 1, "the permit is given back").await;
    }
}

/// The shell is told to run it: a file that has just been written may still be open in a child of a neighbouring test, and then it
/// cannot be run by itself.
fn shell(script: &Path) -> Vec<Box<str>> {
    vec!["/bin/sh".into(), script.to_str().unwrap().into()]
}

async fn until(condition: impl Fn() -> bool, what: &str) {
    let poll = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), poll).await.unwrap_or_else(|_| panic!("{what}"));
}
