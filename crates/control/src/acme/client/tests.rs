use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::super::hook::tests::{by_dns, record};
use super::super::state::tests::wanted;
use super::*;
use crate::certificates::fixture;
use crate::task::Task;

/// One that keeps its state in a folder, and can reach no authority.
fn client(folder: &Path) -> Client {
    let mut config = wanted(&["a.example"]);
    config.state.path = folder.to_owned();
    // Nobody listens there.
    config.directory = "https://127.0.0.1:1/dir".to_owned();
    let stage = Arc::new(Stage::new(Arc::default()));
    Client::new(config, stage, Arc::default(), Lenience::None)
}

fn made() -> (TempDir, Client) {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    (folder, client)
}

/// What a replica does that has got a certificate.
fn put_certificate(state: &State) {
    let lock = state.try_lock().unwrap().unwrap();
    let made = fixture::good("a.example");
    state.put_certificate(&made.key, &made.cert, &lock).unwrap();
}

/// Lets `client` run until so many orders have failed.
async fn run_until_failed(client: Client, count: u64) {
    let ledger = Arc::clone(&client.ledger);
    let failed = || ledger.all().get("a").map_or(0, |standing| standing.failed);
    let _running = Task::spawn(client.run());
    while failed() < count {
        sleep(Duration::from_millis(5)).await;
    }
}

/// The state had a time that no clock has, and nothing was renewed any more, of any certificate.
#[tokio::test]
async fn a_garbled_record_is_left_out_and_it_goes_on() {
    let (folder, client) = made();
    let garbled = r#"{ "directory": null, "failed": { "in_a_row": 4294967295,
        "at_unix_seconds": 18446744073709551615, "is_refused_for_now": false, "reason": "" } }"#;
    fs::write(folder.path().join("a.json"), garbled).unwrap();
    run_until_failed(client, 1).await;
    let record = fs::read_to_string(folder.path().join("a.json")).unwrap();
    assert!(record.contains("\"in_a_row\": 1,"), "{record}");
}

#[tokio::test]
async fn a_panic_costs_the_turn_that_it_is_in() {
    let (_folder, mut client) = made();
    put_certificate(&client.state);
    // Nothing that is no number is a share of a life.
    client.spread = f64::NAN;
    run_until_failed(client, 1).await;
}

/// It went on to count, and its next failure was the second.
#[tokio::test]
async fn what_failed_here_is_forgotten_when_a_replica_has_got_a_certificate() {
    let (_folder, mut client) = made();
    let now = SystemTime::now();
    client.fail(&Trouble::new("refused"), Record::default(), None).await;
    assert!(client.look(now).await.unwrap().record.failed.is_some());
    put_certificate(&client.state);
    let sight = client.look(now).await.unwrap();
    assert!(sight.held.is_some());
    assert_eq!(sight.record.failed, None);
}

/// It waited for ever, and nobody was told.
#[test]
fn who_waits_for_the_lock_for_longer_than_an_order_takes_says_so_and_then_each_hour() {
    let (_folder, client) = made();
    let mut alarm = Alarm { at: client.order_within() * 2 };
    let rung: Vec<u64> =
        (0..180).filter(|minute| alarm.rings(Duration::from_mins(*minute))).collect();
    assert_eq!(rung, [10, 70, 130]);
}

/// It was in DNS for ever.
#[tokio::test]
async fn what_was_left_in_dns_by_one_that_was_stopped_is_taken_away_by_the_next() {
    let (folder, mut client) = made();
    put_certificate(&client.state);
    let said = folder.path().join("said");
    let script = format!("echo $EVENKEEL_ACTION $EVENKEEL_VALUE >> {}", said.display());
    client.config = by_dns(&script, folder.path());
    let lock = client.state.try_lock().unwrap().unwrap();
    client.state.put_left(&[record()], &lock).unwrap();
    // Whoever has the lock may still need it.
    client.turn().await.unwrap();
    assert!(!said.exists());
    drop(lock);
    client.turn().await.unwrap();
    assert_eq!(fs::read_to_string(&said).unwrap(), "cleanup xyz\n");
    assert_eq!(client.state.left(), []);
    client.turn().await.unwrap();
    assert_eq!(fs::read_to_string(&said).unwrap(), "cleanup xyz\n");
}
