//! The description of the admin API, made of its types and of the list of its paths. The router serves it at
//! `/api/v1/openapi.json`; `docs/openapi.json` is a copy.

use axum::http::StatusCode;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, License, OpenApi, Ref, Response, ResponseBuilder,
};
use utoipa::{OpenApi as _, ToSchema as _};

mod operation;
mod paths;

use super::Explanation;

/// All types of the API; those that they are made of come with them.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(
    super::Status,
    super::InFlight,
    super::StoryList,
    super::RequestStory,
    super::EventList,
    super::ConfigText,
    super::OverrideStatus,
    super::ClusterStatus,
    super::EndpointStatus,
    super::NewEndpoint,
    super::NewWeight,
    super::NewState,
    super::ReloadRequest,
    super::Explanation,
    crate::conductor::Applied,
)))]
struct Types;

/// The whole description.
pub(super) fn description() -> OpenApi {
    let mut description = Types::openapi();
    description.info = InfoBuilder::new()
        .title("Evenkeel admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(License::new(env!("CARGO_PKG_LICENSE"))))
        .build();
    description.paths = paths::paths();
    let components = description.components.get_or_insert_with(Components::new);
    for (status, _, _) in REFUSALS {
        components.responses.insert(name_of(*status), refusal(*status).into());
    }
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some(TOKEN.to_owned());
    components.security_schemes.insert(BEARER.to_owned(), SecurityScheme::Http(bearer).into());
    description
}

/// How `paths` names the answer `status`, which says no.
fn refused(status: StatusCode) -> Ref {
    Ref::from_response_name(name_of(status))
}

fn refusal(status: StatusCode) -> Response {
    let when = REFUSALS.iter().find(|(each, ..)| *each == status).map_or("", |(.., when)| when);
    let explanation = Ref::from_schema_name(Explanation::name());
    ResponseBuilder::new()
        .description(when)
        .content("application/json", Content::new(Some(explanation)))
        .build()
}

fn name_of(status: StatusCode) -> String {
    let name =
        REFUSALS.iter().find(|(each, ..)| *each == status).map_or("Refused", |(_, it, _)| it);
    name.to_owned()
}

/// The name of the one way to say who asks.
const BEARER: &str = "token";

const ABOUT: &str = "What runs, how it is, whether it is ready, and what may be changed about it. \
    Changes are made on top of the config file and outlive its reloads; \
    `POST /api/v1/reload` can write them into the file or drop them. \
    Every answer that depends on the config carries its revision as `ETag`; \
    a change that sends it back in `If-Match` is made only if nobody has changed anything since. \
    A name in a path is percent-encoded: `[::1]:80` is `%5B%3A%3A1%5D%3A80`. \
    A method that a path does not have is answered with 405 and `Allow`.";

const TOKEN: &str = "The `token` of [admin] in the config. \
    Where it is configured, every change over TCP needs it; where none is, changes are taken over loopback only, by an address or as \
    localhost. A Unix socket needs none.";

/// Answers that say no: their status, their name in the description, and when they come.
const REFUSALS: &[(StatusCode, &str, &str)] = &[
    (StatusCode::BAD_REQUEST, "BadRequest", "The request says something that cannot be meant."),
    (StatusCode::UNAUTHORIZED, "Unauthorized", "The token is missing, or is not the right one."),
    (
        StatusCode::FORBIDDEN,
        "Forbidden",
        "A web page of another origin asks; or a change comes over a network, and no token is configured.",
    ),
    (
        StatusCode::NOT_FOUND,
        "NotFound",
        "There is no such cluster or endpoint, or nothing is known about the request.",
    ),
    (StatusCode::CONFLICT, "Conflict", "It does not go with what is there."),
    (
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "The config has changed since the revision in `If-Match`; `ETag` has the one of now.",
    ),
    (StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", "The body is longer than 65536 bytes."),
    (
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UnsupportedMediaType",
        "The body is not said to be JSON.",
    ),
    (
        StatusCode::MISDIRECTED_REQUEST,
        "MisdirectedRequest",
        "The API listens on loopback, and `Host` is a name that any machine could have.",
    ),
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        "UnprocessableEntity",
        "The config is wrong, or cannot be put in force here; what was in force still is.",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailable",
        "The balancer is stopping, or has too much to do.",
    ),
];

#[cfg(test)]
mod tests;
