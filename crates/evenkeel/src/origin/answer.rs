//! What an origin answers; `serving` asks it for every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use evenkeel_plan::balance::LOAD_PATH;
use evenkeel_sim::FAST_FAIL_AFTER;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::sleep;

use crate::alarm::Alarm;
use crate::payload::Payload;

use super::gate::Gate;
use super::workload::Workload;
use super::{Behaviour, Setup};

/// Everything that the connections of one origin share.
pub(super) struct Site {
    name: String,
    /// The name as it is sent; none if a header cannot carry it.
    name_field: Option<HeaderValue>,
    gate: Option<Gate>,
    behaviour: watch::Receiver<Behaviour>,
    requested: Arc<Notify>,
    answered: AtomicU64,
    workload: Workload,
}

impl Site {
    /// One of this `name` and, for the rest, of this `setup`.
    pub(super) fn new(name: String, setup: Setup, behaviour: watch::Receiver<Behaviour>) -> Self {
        Site {
            name_field: HeaderValue::from_str(&name).ok(),
            name,
            gate: setup.capacity.map(Gate::new),
            behaviour,
            requested: setup.requested,
            answered: AtomicU64::new(0),
            workload: Workload::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Answers one request. An error means that its body broke off, and ends the connection.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Payload>, hyper::Error> {
        if !["/health", LOAD_PATH].contains(&request.uri().path()) {
            self.requested.notify_one();
        }
        self.thawed().await;
        let mut response = match request.uri().path() {
            "/health" => health(&self.behaviour()),
            LOAD_PATH => json(&self.workload.report(Instant::now())),
            _ => self.serve(request).await?,
        };
        if let Some(name) = &self.name_field {
            response.headers_mut().insert(X_ORIGIN, name.clone());
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(response)
    }

    fn behaviour(&self) -> Behaviour {
        *self.behaviour.borrow()
    }

    /// Waits as long as it is frozen.
    async fn thawed(&self) {
        let is_thawed = |behaviour: &Behaviour| !behaviour.condition.frozen;
        // An error means that whoever could thaw it is gone, and with it the origin.
        let _ = self.behaviour.clone().wait_for(is_thawed).await;
    }

    /// Does the work of an ordinary exchange, if the gate lets it in.
    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Payload>, hyper::Error> {
        let _busy = self.workload.begin();
        if self.behaviour().condition.fails_fast {
            sleep(FAST_FAIL_AFTER).await;
            return Ok(failure(&self.behaviour()));
        }
        let _pass = match &self.gate {
            None => None,
            Some(gate) => match gate.enter().await {
                Ok(pass) => Some(pass),
                Err(_) => return Ok(text(StatusCode::SERVICE_UNAVAILABLE, "overloaded\n")),
            },
        };
        let (head, body) = request.into_parts();
        let body_length = read_to_end(body).await?;
        let (behaviour, mut random) = (self.behaviour(), fastrand::Rng::new());
        let fails = behaviour.draws_failure(&mut random);
        self.work(behaviour.delay.draw(&mut random)).await;
        Ok(match head.uri.path() {
            _ if fails => failure(&behaviour),
            "/echo" => self.echo(&head, body_length),
            _ => typed(PLAIN, Payload::filling(behaviour.body_bytes)),
        })
    }

    /// Takes its time: `delay` at full speed, and what is left of it at the speed of each moment.
    async fn work(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        let mut changes = self.behaviour.clone();
        let place = ALARMS.try_acquire();
        let mut alarm = if place.is_ok() { Alarm::new() } else { Alarm::coarse() };
        let mut left = delay.as_secs_f64();
        while left > 0.0 {
            let speed = changes.borrow_and_update().speed();
            let began = Instant::now();
            tokio::select! {
                () = ring(&mut alarm, began, left / speed) => return,
                Ok(()) = changes.changed() => left -= began.elapsed().as_secs_f64() * speed,
            }
        }
    }

    /// Says what arrived; names of headers in lower case.
    fn echo(&self, head: &request::Parts, body_length: u64) -> Response<Payload> {
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            [name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()]
        };
        let echo = Echo {
            name: &self.name,
            method: head.method.as_str(),
            target: head.uri.to_string(),
            version: format!("{:?}", head.version),
            headers: head.headers.iter().map(field).collect(),
            body_length,
        };
        json(&echo)
    }
}

fn json(value: &impl Serialize) -> Response<Payload> {
    match serde_json::to_string(value) {
        Ok(json) => typed(JSON, Payload::text(json + "\n")),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "cannot write the answer\n"),
    }
}

/// What `/echo` answers, in the order in which it is written.
#[derive(Serialize)]
struct Echo<'a> {
    name: &'a str,
    method: &'a str,
    target: String,
    version: String,
    headers: Vec<[String; 2]>,
    body_length: u64,
}

/// Waits until so many seconds after `began`; for ever if they have no end.
async fn ring(alarm: &mut Alarm, began: Instant, seconds: f64) {
    let time = Duration::try_from_secs_f64(seconds).ok();
    match time.and_then(|time| began.checked_add(time)) {
        Some(due) => alarm.until(due).await,
        None => std::future::pending().await,
    }
}

fn failure(behaviour: &Behaviour) -> Response<Payload> {
    text(behaviour.fail_status, "failed on purpose\n")
}

fn health(behaviour: &Behaviour) -> Response<Payload> {
    if behaviour.is_healthy {
        text(StatusCode::OK, "ok\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "unhealthy on purpose\n")
    }
}

/// Reads a body and forgets it: an upload of any size costs no memory.
async fn read_to_end(mut body: Incoming) -> Result<u64, hyper::Error> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(length)
}

fn text(status: StatusCode, text: &'static str) -> Response<Payload> {
    let mut response = typed(PLAIN, Payload::text(text));
    *response.status_mut() = status;
    response
}

fn typed(content_type: &'static str, body: Payload) -> Response<Payload> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// How many more exchanges may have an alarm of the kernel: of the whole process, as descriptors are, and so few that most of those are
/// left for connections. Who does more at once is none whose every tenth of a millisecond counts.
static ALARMS: Semaphore = Semaphore::const_new(64);

const X_ORIGIN: HeaderName = HeaderName::from_static("x-origin");
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
