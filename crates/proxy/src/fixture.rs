//! What the tests of several modules stand on.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use evenkeel_plan::Listener;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::listener::{Bind, Protocol, TrustedProxies};
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::pulse::Beat;
use evenkeel_plan::route::{Route, Router};
use tokio::sync::mpsc::channel;

use crate::worker::{Crew, Supplies, Worker};

/// The only worker there is, without a plan.
pub(crate) fn worker() -> Rc<Worker> {
    worker_of(Crew::new(vec![channel(1).0]), &Publisher::default())
}

/// The first worker of this crew, with what is published.
pub(crate) fn worker_of(crew: Arc<Crew>, publisher: &Publisher) -> Rc<Worker> {
    let lines = evenkeel_plan::lines::lines(1).0.remove(0);
    let (reader, beat) = (publisher.reader(), Beat::new("test"));
    Worker::new(0, Supplies { reader, lines, beat, crew }, Instant::now())
}

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
