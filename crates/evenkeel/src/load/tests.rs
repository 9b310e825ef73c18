//! Load inside a runtime, as the demo runs it: read while it goes, through the death of an origin.

use std::net::SocketAddr;

use super::client::FailureKind;
use super::*;
use crate::origin::{Behaviour, Origin, Setup, Spread};
use crate::units;

fn behaviour() -> Behaviour {
    Behaviour {
        delay: Spread::Constant.around(Duration::ZERO),
        fail: units::share("0").unwrap(),
        fail_status: hyper::StatusCode::SERVICE_UNAVAILABLE,
        body_bytes: 13,
        is_healthy: true,
        condition: evenkeel_sim::Condition::WELL,
    }
}

fn endless(address: SocketAddr) -> Settings {
    Settings {
        target: Target::parse(&format!("http://{address}/")).unwrap(),
        trust: None,
        shape: Shape {
            method: hyper::Method::GET,
            headers: hyper::HeaderMap::new(),
            body_bytes: 0,
        },
        pace: Pace::Open { rate: units::rate("500/s").unwrap(), arrivals: Arrivals::Poisson },
        connections: 64,
        duration: None,
        requests: None,
        timeout: Duration::from_secs(20),
    }
}

/// Waits until the tally says so, for as long as a busy machine may take.
async fn wait_for(load: &Load, condition: impl Fn(&Tally) -> bool) -> Tally {
    let within = Instant::now() + Duration::from_secs(20);
    loop {
        let tally = load.tally();
        if condition(&tally) {
            return tally;
        }
        assert!(Instant::now() < within, "{tally:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn it_can_be_watched_through_the_death_and_return_of_an_origin_and_stopped() {
    let (_changes, following) = watch::channel(behaviour());
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let setup =
        Setup { bind, name: Some("a".to_owned()), capacity: None, requested: Arc::default() };
    let mut origin = Origin::start(setup, following).await.unwrap();
    let load = Load::start(endless(origin.address())).await.unwrap();

    wait_for(&load, |tally| tally.origins.get("a").is_some_and(|count| *count > 20)).await;
    origin.kill().await;
    let refused = |tally: &Tally| tally.failures.contains_key(&FailureKind::Refused);
    let while_dead = wait_for(&load, refused).await;
    origin.revive().await.unwrap();
    let revived = wait_for(&load, |tally| tally.since(&while_dead).answered() > 20).await;

    load.stop();
    load.ended().await;
    let summary = load.summary();
    assert!(summary.requests >= revived.finished());
    assert_eq!(summary.requests, summary.answered + summary.failed);
    assert_eq!(load.elapsed(), load.elapsed(), "it should stand still after the end");
    assert!(summary.elapsed_seconds > 0.0);
}
