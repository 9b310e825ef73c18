//! What the tests of several modules stand on.

use std::sync::Arc;

use evenkeel_plan::Listener;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::listener::{Bind, Protocol, TrustedProxies};
use evenkeel_plan::route::{Route, Router};

/// A listener with nothing but defaults.
pub(crate) fn listener() -> Listener {
    Listener {
        name: "web".into(),
        binds: vec![Bind::Any(80)],
        protocol: Protocol::Http,
        http2: true,
        door: None,
        admission: None,
        is_guarded: false,
        routes: Arc::new(Router::new(vec![Route::everything(0, |_| Arc::new(Sharded::new(1)))])),
        trusted_proxies: TrustedProxies::default(),
        timeouts: Default::default(),
        limits: Default::default(),
        paths: Default::default(),
        header_names: Default::default(),
        errors: Default::default(),
        tls: None,
        redirect_to_https: None,
        hsts: None,
        counters: Arc::new(Sharded::new(1)),
    }
}
