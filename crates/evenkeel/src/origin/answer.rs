//! What an origin answers; `serving` asks it for every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use evenkeel_plan::balance::LOAD_PATH;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::payload::Payload;

use super::Behaviour;
use super::gate::{Capacity, Gate};
use super::workload::Workload;

/// Everything that the connections of one origin share.
pub(super) struct Site {
    name: String,
    /// The name as it is sent; none if a header cannot carry it.
    name_field: Option<HeaderValue>,
    gate: Option<Gate>,
    behaviour: watch::Receiver<Behaviour>,
    answered: AtomicU64,
    workload: Workload,
}

impl Site {
    pub(super) fn new(
        name: String,
        capacity: Option<Capacity>,
        behaviour: watch::Receiver<Behaviour>,
    ) -> Self {
        let name_field = HeaderValue::from_str(&name).ok();
        let gate = capacity.map(Gate::new);
        Site {
            name,
            name_field,
            gate,
            behaviour,
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
        let behaviour = *self.behaviour.borrow();
        let mut response = match request.uri().path() {
            "/health" => health(&behaviour),
            LOAD_PATH => json(&self.workload.report(Instant::now())),
            _ => self.serve(request, &behaviour).await?,
        };
        if let Some(name) = &self.name_field {
            response.headers_mut().insert(X_ORIGIN, name.clone());
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(response)
    }

    /// Does the work of an ordinary exchange, if the gate lets it in.
    async fn serve(
        &self,
        request: Request<Incoming>,
        behaviour: &Behaviour,
    ) -> Result<Response<Payload>, hyper::Error> {
        let _busy = self.workload.begin();
        let _pass = match &self.gate {
            None => None,
            Some(gate) => match gate.enter().await {
                Ok(pass) => Some(pass),
                Err(_) => return Ok(text(StatusCode::SERVICE_UNAVAILABLE, "overloaded\n")),
            },
        };
        let (head, body) = request.into_parts();
        let body_length = read_to_end(body).await?;
        let delay = behaviour.delay.sample(&mut fastrand::Rng::new());
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if behaviour.fail.happens(&mut fastrand::Rng::new()) {
            return Ok(text(behaviour.fail_status, "failed on purpose\n"));
        }
        Ok(match head.uri.path() {
            "/echo" => self.echo(&head, body_length),
            _ => typed(PLAIN, Payload::filling(behaviour.body_bytes)),
        })
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

const X_ORIGIN: HeaderName = HeaderName::from_static("x-origin");
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
