use std::time::Duration;

use evenkeel_plan::Plan;
use evenkeel_plan::listener::Bind;

use super::*;
use crate::certificates::Store;
use crate::certificates::fixture::{directory, good, propose, tls, write};
use crate::conductor::build;
use crate::config::TlsVersion;
use crate::fixture::config;

/// One that speaks clear text and sends its clients to `port`, and some for `https` that listen there.
fn with_secure(port: HttpsPort, secure: &[&[Bind]]) -> Config {
    let names = ["plain", "one", "two"];
    let listeners: Vec<_> =
        names.iter().take(secure.len() + 1).map(|name| (*name, "api")).collect();
    let mut config = config(&listeners, &[("api", &["10.0.0.1:80"])]);
    config.listeners[0].redirect_to_https = Some(port);
    for (listener, binds) in config.listeners[1..].iter_mut().zip(secure) {
        listener.binds = binds.to_vec();
        listener.tls = Some(tls(Vec::new()));
    }
    config
}

#[test]
fn clients_are_sent_to_the_only_listener_for_https_or_else_to_the_usual_port() {
    let only = |address: &str| Bind::Only(address.parse().unwrap());
    let inherited = || Bind::Inherited("edge".into());
    let ours = HttpsPort::Ours;
    for (port, secure, expected) in [
        (ours, &[][..], 443),
        (ours, &[&[Bind::Any(8443)][..]], 8443),
        (ours, &[&[only("127.0.0.1:9443"), Bind::Any(8443)]], 9443),
        // The shortest to type, if it is there at all.
        (ours, &[&[Bind::Any(8443), Bind::Any(443)]], 443),
        // Nobody knows where that is.
        (ours, &[&[inherited()]], 443),
        (ours, &[&[inherited(), Bind::Any(8443)]], 8443),
        (ours, &[&[Bind::Any(8443)], &[Bind::Any(9443)]], 443),
        (HttpsPort::Only(7443), &[&[Bind::Any(8443)]], 7443),
    ] {
        let config = with_secure(port, secure);
        assert_eq!(redirect(&config.listeners[0], &config), Some(expected), "{port:?} {secure:?}");
        for listener in &config.listeners[1..] {
            assert_eq!(redirect(listener, &config), None);
        }
    }
}

#[test]
fn strict_transport_is_written_as_its_rfc_says() {
    let year = HstsConfig::new(Duration::from_hours(365 * 24));
    for (hsts, value) in [
        (year, "max-age=31536000"),
        (HstsConfig::new(Duration::ZERO), "max-age=0"),
        (HstsConfig { include_subdomains: true, ..year }, "max-age=31536000; includeSubDomains"),
        (
            HstsConfig { include_subdomains: true, preload: true, ..year },
            "max-age=31536000; includeSubDomains; preload",
        ),
    ] {
        assert_eq!(&*strict_transport(&hsts), value);
    }
}

#[test]
fn a_listener_stays_as_long_as_it_shakes_hands_and_redirects_as_before() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", &good("a.example"));
    let mut config = with_secure(HttpsPort::Ours, &[&[Bind::Any(8443)]]);
    config.listeners[1].tls = Some(tls(vec![directory(folder.path())]));
    let store = Store::default();
    let mut before = Plan::default();
    let mut next = |config: &Config| {
        let proposal = propose(&store, config).unwrap();
        let plan = build(config, &before, 1, |_| None, proposal.known()).unwrap();
        store.commit(proposal);
        let stays = before.listeners.iter().zip(&plan.listeners);
        let stays = stays.map(|(old, new)| Arc::ptr_eq(old, new)).collect::<Vec<_>>();
        before = plan;
        stays
    };
    assert!(next(&config).is_empty());
    assert_eq!(next(&config), [true, true]);
    // What is in the files is no part of the plan, nor what handshakes follow.
    write(folder.path(), "a", &good("b.example"));
    assert_eq!(next(&config), [true, true]);
    config.listeners[1].tls.as_mut().unwrap().min_version = TlsVersion::Tls13;
    assert_eq!(next(&config), [true, true]);
    config.listeners[1].hsts = Some(HstsConfig::new(Duration::from_secs(1)));
    assert_eq!(next(&config), [true, false]);
    config.listeners[1].binds = vec![Bind::Any(9443)];
    assert_eq!(next(&config), [false, false]);
    config.listeners[1].tls = None;
    config.listeners[1].hsts = None;
    assert_eq!(next(&config), [false, false]);
}
