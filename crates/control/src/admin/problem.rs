//! What the admin API answers when it does not do what it was asked for: a sentence, and often a way out. As JSON.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::etag;
use crate::conductor::Refused;

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
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, body: Explanation { error: error.into(), help: None }, revision: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.body.help = Some(help.into());
        self
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
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
        let problem = Self::new(status, refused.to_string());
        match refused {
            Refused::Outdated { revision } => Self { revision: Some(revision), ..problem },
            _ => problem,
        }
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
