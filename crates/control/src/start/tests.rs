use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use evenkeel_plan::health::HealthCheck;
use evenkeel_plan::lines::lines;
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::vitals::Standing;
use tokio::time::timeout;

use super::*;
use crate::admin::EndpointState;
use crate::config::AdminBind;
use crate::config::{AccessConfig, AccessPath};
use crate::fixture::{IdleBinder, NothingInFlight, config};

#[tokio::test]
async fn a_start_checks_the_endpoints_and_says_what_it_found() {
    let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let up = origin.local_addr().unwrap().to_string();
    let down = format!("127.0.0.1:{}", evenkeel_testkit::ports::free_port().unwrap());
    let mut config = config(&[("web", "api")], &[("api", &[&up, &down])]);
    config.clusters[0].health = vec![HealthCheck::default()];
    config.admin = AdminBind::Fixed((Ipv4Addr::LOCALHOST, 0).into());

    let parts = parts();
    let mut reader = parts.publisher.reader();
    let control = start(setup(config, parts)).await.unwrap();
    let view = control.view();
    timeout(Duration::from_secs(30), view.first_round()).await.unwrap();

    let status = view.status();
    let seen: Vec<_> = status.clusters[0]
        .endpoints
        .iter()
        .map(|each| (each.state, each.reason.as_deref()))
        .collect();
    let expected = [
        (EndpointState::Up, Some("passed (first check)")),
        (EndpointState::Down, Some("connection refused (first check)")),
    ];
    assert_eq!(seen, expected);
    assert!(status.ready && !status.draining);
    let standing =
        |at: usize| reader.clone().load().clusters[0].endpoints[at].life.vitals.standing();
    assert_eq!((standing(0), standing(1)), (Standing::Up, Standing::Down));
    assert_eq!(reader.load().generation, 1, "a verdict publishes nothing");

    let address = view.admin_address().unwrap().tcp().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_ok());
    view.drain();
    assert!(view.status().draining && !view.status().ready);
}

#[tokio::test]
async fn without_checks_the_first_round_is_over_at_once() {
    let config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    let control = start(setup(config, parts())).await.unwrap();
    let view = control.view();
    timeout(Duration::from_secs(30), view.first_round()).await.unwrap();
    let endpoint = &view.status().clusters[0].endpoints[0];
    assert_eq!((endpoint.state, view.admin_address()), (EndpointState::Unchecked, None));
}

#[tokio::test]
async fn an_admin_address_in_use_stops_the_start_and_says_so() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.admin = AdminBind::Fixed(taken.local_addr().unwrap());
    let error = start(setup(config, parts())).await.unwrap_err();
    assert!(matches!(error, StartError::Apply(ApplyError::Bind(_))));
    assert!(error.to_string().starts_with("the admin API cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn an_access_log_that_cannot_be_opened_stops_the_start_and_says_what_to_do() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("missing").join("access.log");
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    let to_file = AccessConfig { path: AccessPath::File(path.clone()), ..AccessConfig::default() };
    config.access = Some(to_file);
    let parts = parts();
    let mut reader = parts.publisher.reader();
    let error = start(setup(config, parts)).await.unwrap_err().to_string();
    let expected = format!("the access log cannot be opened: {}: ", path.display());
    assert!(error.starts_with(&expected) && error.contains("make the directory"), "{error}");
    assert_eq!(reader.load().generation, 0, "nothing was published");
}

#[tokio::test]
async fn a_stopped_control_leaves_the_plan_in_force_and_gives_its_address_back() {
    let parts = parts();
    let mut reader = parts.publisher.reader();
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.admin = AdminBind::Fixed((Ipv4Addr::LOCALHOST, 0).into());
    let control = start(setup(config, parts)).await.unwrap();
    let view = control.view();
    drop(control);
    let address = view.admin_address().unwrap().tcp().unwrap();
    let freed = async {
        while tokio::net::TcpListener::bind(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), freed).await.unwrap();
    assert_eq!(reader.load().generation, 1);
    assert_eq!(view.status().clusters.len(), 1);
}

fn setup(config: Config, parts: Parts) -> Setup {
    Setup { config, file: None, parts, lines: lines(2).1, set_level: Box::new(|_| {}) }
}

fn parts() -> Parts {
    Parts {
        started: std::time::Instant::now(),
        publisher: Publisher::default(),
        binder: Box::new(IdleBinder),
        sight: Arc::new(NothingInFlight),
        workers: 2,
    }
}
