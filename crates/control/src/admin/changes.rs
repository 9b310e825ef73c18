//! The paths of the admin API that change something: each hands the conductor one order and tells what came of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evenkeel_plan::endpoint::Forced;
use evenkeel_plan::limits::{PRIORITY_MAX, WEIGHT_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Named};
use super::fields::{Fields, Form};
use super::problem::Problem;
use super::{ForcedState, Shared, Trigger};
use crate::conductor::{Applied, ReloadWish, Wish};
use crate::config::{self, EndpointConfig};
use crate::overrides::Change;

/// An endpoint that is to join a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Which endpoints it stands in for, those of lower numbers; at most 100, and 0 unless it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Where it is; nowhere in particular unless it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What routes may choose by; nothing unless it is stated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
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
    let ReloadRequest { clear, persist } = read_reload(&headers, &body)?;
    let wish = ReloadWish { trigger: Trigger::Api, clear, persist };
    order(&shared, &headers, Wish::Reload(wish), StatusCode::OK).await
}

pub(super) async fn add(
    State(shared): State<Shared>,
    Named(cluster): Named<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let endpoint = checked(read_endpoint(&headers, &body)?).map_err(|problem| wrong(&problem))?;
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
    let NewWeight { weight } = read_weight(&headers, &body)?;
    let change = Change::Weight { cluster, endpoint, weight: Some(weight) };
    order(&shared, &headers, Wish::Change(change), StatusCode::OK).await
}

/// The endpoint as a file could have it.
fn checked(new: NewEndpoint) -> Result<EndpointConfig, config::Diagnostic> {
    let known = config::parse_endpoint(&new.address)?;
    let zone = new.zone.as_ref().filter(|zone| !zone.is_empty());
    let words = new.labels.iter().flat_map(|(name, value)| [name, value]);
    words.chain(zone).try_for_each(|word| config::check_label(word))?;
    let labels = new.labels.into_iter().map(|(name, value)| (name.into(), value.into()));
    Ok(EndpointConfig {
        weight: new.weight.unwrap_or(known.weight),
        backup: new.backup.unwrap_or(known.backup),
        priority: new.priority.unwrap_or(known.priority),
        zone: zone.cloned(),
        labels: labels.collect(),
        ..known
    })
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
    let NewState { state } = read_state(&headers, &body)?;
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
    let applied = shared.overview.desk.order_if(seen, wish).await;
    let applied = applied.map_err(Problem::from)?;
    Ok(told(done, &applied))
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

fn read_reload(headers: &HeaderMap, body: &Bytes) -> Result<ReloadRequest, Problem> {
    static FORM: Form = Form { names: &["clear", "persist"], example: r#"{"persist": true}"# };
    if body.is_empty() {
        return Ok(ReloadRequest::default());
    }
    let fields = Fields::of_body(&FORM, headers, body)?;
    let flag = |name| fields.flag(name).map(Option::unwrap_or_default);
    Ok(ReloadRequest { clear: flag("clear")?, persist: flag("persist")? })
}

fn read_endpoint(headers: &HeaderMap, body: &Bytes) -> Result<NewEndpoint, Problem> {
    static FORM: Form = Form {
        names: &["address", "weight", "backup", "priority", "zone", "labels"],
        example: r#"{"address": "10.0.0.1:8080", "weight": 2}"#,
    };
    let fields = Fields::of_body(&FORM, headers, body)?;
    let address = fields.text("address")?.ok_or_else(|| fields.missing("address"))?.to_owned();
    let priority = fields.number("priority", PRIORITY_MAX.into())?;
    Ok(NewEndpoint {
        address,
        weight: weight_in(&fields)?,
        backup: fields.flag("backup")?,
        priority: priority.and_then(|priority| priority.try_into().ok()),
        zone: fields.text("zone")?.map(str::to_owned),
        labels: fields.texts("labels")?,
    })
}

fn read_weight(headers: &HeaderMap, body: &Bytes) -> Result<NewWeight, Problem> {
    static FORM: Form = Form { names: &["weight"], example: r#"{"weight": 3}"# };
    let fields = Fields::of_body(&FORM, headers, body)?;
    Ok(NewWeight { weight: weight_in(&fields)?.ok_or_else(|| fields.missing("weight"))? })
}

fn weight_in(fields: &Fields) -> Result<Option<u32>, Problem> {
    let weight = fields.number("weight", WEIGHT_MAX.into())?;
    Ok(weight.and_then(|weight| weight.try_into().ok()))
}

fn read_state(headers: &HeaderMap, body: &Bytes) -> Result<NewState, Problem> {
    static FORM: Form = Form { names: &["state"], example: r#"{"state": "drain"}"# };
    let fields = Fields::of_body(&FORM, headers, body)?;
    let found = fields.word("state", &STATES.map(|(word, _)| word))?;
    let state = found.and_then(|position| STATES.get(position)).map(|(_, state)| *state);
    Ok(NewState { state: state.ok_or_else(|| fields.missing("state"))? })
}

/// As they are written, and so serialized.
const STATES: [(&str, WantedState); 4] = [
    ("auto", WantedState::Auto),
    ("drain", WantedState::Drain),
    ("up", WantedState::Up),
    ("down", WantedState::Down),
];

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
