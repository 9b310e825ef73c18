//! What the admin API answers when it does not do what it was asked for: a sentence, and often a way out. As JSON.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::etag;
use crate::conductor::Refused;
use crate::config::closest;

/// An answer that says no.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    body: Explanation,
    /// The revision of the config, for whoever has seen an older one.
    revision: Option<String>,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// What is wrong; for a refused reload, a report of several lines.
    pub error: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What is wrong with a refused config, in the form that `evenkeel check --json` prints; only there if that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub report: Option<Box<serde_json::Value>>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            body: Explanation { error: error.into(), help: None, report: None },
            revision: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.body.help = Some(help.into());
        self
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(super) fn explanation(&self) -> &Explanation {
        &self.body
    }
}

/// There is no `kind` called `name`; there are `names`.
pub(super) fn unknown(kind: &str, name: &str, names: &[&str]) -> Problem {
    let help = match closest(name, names.iter().copied()) {
        Some(close) => format!("did you mean {close}?"),
        None if names.is_empty() => format!("there is no {kind} at all"),
        None if names.len() > LISTED_MAX => {
            format!("GET /api/v1/status lists all {} of them", names.len())
        }
        None => format!("there are: {}", names.join(", ")),
    };
    Problem::new(StatusCode::NOT_FOUND, format!("there is no {kind} {name:?}")).help(help)
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match &refused {
            Refused::Outdated { .. } => StatusCode::PRECONDITION_FAILED,
            Refused::Unknown(_) => StatusCode::NOT_FOUND,
            Refused::Conflict(_) => StatusCode::CONFLICT,
            Refused::Config(_) | Refused::Force(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refused::Ending => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::new(status, refused.to_string());
        match refused {
            Refused::Outdated { revision } => problem.revision = Some(revision),
            Refused::Config(report) => {
                let verdict = serde_json::to_value(report.verdict(false));
                problem.body.report = verdict.ok().map(Box::new);
            }
            _ => {}
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer realm=\"evenkeel\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        let tag = self.revision.and_then(|revision| etag(&revision).try_into().ok());
        if let Some(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// As many names as a person looks through.
const LISTED_MAX: usize = 20;
