//! What the paths of the admin API read from a request. Like axum's own, but what they refuse is explained as JSON.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The names in the path, decoded.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

/// The body, up to the length that the router allows.
#[derive(Debug)]
pub(super) struct Body(pub(super) Bytes);

impl<T, S> FromRequestParts<S> for Named<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::from_request_parts(parts, state).await;
        // The paths have as many names as are asked for; only their bytes can be wrong.
        named.map(|Path(names)| Self(names)).map_err(|error| Problem::new(error.status(), NOT_UTF8))
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is longer than {} bytes", super::BODY_BYTES_MAX),
            ),
            status => Problem::new(status, "the body did not come to its end"),
        })
    }
}

const NOT_UTF8: &str = "a name in the path is not UTF-8 once its `%` are resolved";
