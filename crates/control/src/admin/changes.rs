//! The paths of the admin API that change something: each hands the conductor one order and tells what came of it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evenkeel_plan::endpoint::Forced;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Named};
use super::problem::Problem;
use super::{ForcedState, Shared, Trigger};
use crate::conductor::{Applied, ReloadWish, Wish};
use crate::config;
use crate::overrides::Change;

/// An endpoint that is to join a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// `10.0.0.1:8080`, `db.internal:5432`, or a port on this machine.
    pub address: String,
    /// Its share of the work relative to the others, at most 65535; 1 unless it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Used only while no other endpoint can be; false unless it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<bool>,
}

/// A weight that an endpoint is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWeight {
    /// At most 65535; 0 gets no new work.
    pub weight: u32,
}

/// A state that an endpoint is to have, whatever its checks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewState {
    /// Which.
    pub state: WantedState,
}

/// What an operator may say about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WantedState {
    /// What its checks say.
    Auto,
    /// No new work; what runs finishes.
    Drain,
    /// Up, whatever its checks say.
    Up,
    /// Down, whatever its checks say.
    Down,
}

/// How the config file is to be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReloadRequest {
    /// Forget what the admin API has changed on top of the file.
    pub clear: bool,
    /// Write into the file first what the admin API has changed, as far as a file can say it.
    pub persist: bool,
}

/// What every change answers with.
type Answer = Result<Response, Problem>;

pub(super) async fn reload(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let ReloadRequest { clear, persist } =
        if body.is_empty() { ReloadRequest::default() } else { read(&headers, &body)? };
    let wish = ReloadWish { trigger: Trigger::Api, clear, persist };
    order(&shared, &headers, Wish::Reload(wish), StatusCode::OK).await
}

pub(super) async fn add(
    State(shared): State<Shared>,
    Named(cluster): Named<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let NewEndpoint { address, weight, backup } = read(&headers, &body)?;
    let weight = weight.map(checked_weight).transpose()?;
    let mut endpoint = config::parse_endpoint(&address).map_err(|problem| wrong(&problem))?;
    endpoint.weight = weight.unwrap_or(endpoint.weight);
    endpoint.backup = backup.unwrap_or(endpoint.backup);
    let change = Change::Add { cluster, endpoint };
    order(&shared, &headers, Wish::Change(change), StatusCode::CREATED).await
}

pub(super) async fn remove(
    State(shared): State<Shared>,
    Named((cluster, endpoint)): Named<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    order(&shared, &headers, Wish::Change(Change::Remove { cluster, endpoint }), StatusCode::OK)
        .await
}

pub(super) async fn set_weight(
    State(shared): State<Shared>,
    Named((cluster, endpoint)): Named<(String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let NewWeight { weight } = read(&headers, &body)?;
    let weight = Some(checked_weight(weight)?);
    order(
        &shared,
        &headers,
        Wish::Change(Change::Weight { cluster, endpoint, weight }),
        StatusCode::OK,
    )
    .await
}

/// Back to what the file says.
pub(super) async fn reset_weight(
    State(shared): State<Shared>,
    Named((cluster, endpoint)): Named<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let change = Change::Weight { cluster, endpoint, weight: None };
    order(&shared, &headers, Wish::Change(change), StatusCode::OK).await
}

pub(super) async fn set_state(
    State(shared): State<Shared>,
    Named((cluster, endpoint)): Named<(String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let NewState { state } = read(&headers, &body)?;
    let forced = match state {
        WantedState::Auto => None,
        WantedState::Drain => Some(Forced::Drain),
        WantedState::Up => Some(Forced::Up),
        WantedState::Down => Some(Forced::Down),
    };
    order(
        &shared,
        &headers,
        Wish::Change(Change::Force { cluster, endpoint, forced }),
        StatusCode::OK,
    )
    .await
}

async fn order(shared: &Shared, headers: &HeaderMap, wish: Wish, done: StatusCode) -> Answer {
    let seen = if_match(headers)?;
    Ok(told(done, &shared.overview.desk.order_if(seen, wish).await?))
}

fn told(status: StatusCode, applied: &Applied) -> Response {
    (status, [(header::ETAG, etag(&applied.revision))], Json(applied)).into_response()
}

/// How a revision is told (RFC 9110 §8.8.3).
pub(super) fn etag(revision: &str) -> String {
    format!("\"{revision}\"")
}

/// The revision that whoever asks has seen (RFC 9110 §13.1.1); `None` if any will do.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut fields = headers.get_all(header::IF_MATCH).iter();
    let (first, second) = (fields.next(), fields.next());
    let Some(text) = first.map(|value| value.to_str().unwrap_or_default().trim()) else {
        return Ok(None);
    };
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match revision {
        _ if text == "*" => Ok(None),
        Some(revision) if second.is_none() && !revision.contains('"') => {
            Ok(Some(revision.to_owned()))
        }
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "If-Match wants one revision in quotes")
            .help("take it from the ETag of /api/v1/status")),
    }
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be JSON");
        return Err(problem.help("say so with `Content-Type: application/json`"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("the body is not what is wanted here: {error}");
        Problem::new(StatusCode::BAD_REQUEST, text).help("GET /api/v1/openapi.json says what is")
    })
}

fn checked_weight(weight: u32) -> Result<u32, Problem> {
    let most = evenkeel_plan::limits::WEIGHT_MAX;
    if weight <= most {
        return Ok(weight);
    }
    let text = format!("a weight of {weight} is too much; at most {most}");
    Err(Problem::new(StatusCode::BAD_REQUEST, text))
}

fn wrong(diagnostic: &config::Diagnostic) -> Problem {
    let problem = Problem::new(StatusCode::BAD_REQUEST, &*diagnostic.message);
    match &diagnostic.help {
        Some(help) => problem.help(&**help),
        None if diagnostic.label.is_empty() => problem,
        None => problem.help(&*diagnostic.label),
    }
}

impl From<Forced> for ForcedState {
    fn from(forced: Forced) -> Self {
        match forced {
            Forced::Drain => Self::Drain,
            Forced::Up => Self::Up,
            Forced::Down => Self::Down,
        }
    }
}

#[cfg(test)]
mod tests;
