//! One operation of the admin API, described step by step. Used by the list of paths.

use axum::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Array, Content, Header, HttpMethod, ObjectBuilder, PathItem, Ref, RefOr, Required,
    ResponseBuilder, Schema, Type,
};

use super::{BEARER, refused};

/// A description that grows.
pub(super) struct Described {
    pub(super) path: &'static str,
    method: HttpMethod,
    operation: OperationBuilder,
}

/// An operation called `id`, which does what `summary` says.
pub(super) fn operation(
    method: HttpMethod,
    path: &'static str,
    (id, summary): (&str, &str),
) -> Described {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let names = names.map(|name| {
        let about = match name {
            "id" => "The request's identity, as its answer had it in `X-Request-ID`.".to_owned(),
            _ => format!("The {name}'s name, as the config writes it."),
        };
        parameter(name, ParameterIn::Path, &about, Required::True).schema(Some(text())).build()
    });
    let operation = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .parameters(Some(names));
    let described = Described { path, method, operation };
    described.refuses(&[StatusCode::MISDIRECTED_REQUEST])
}

/// The schema of a type.
pub(super) fn schema<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

/// The schema of a list of them.
pub(super) fn list<T: ToSchema>() -> RefOr<Schema> {
    Array::new(schema::<T>()).into()
}

/// The schema of a text.
pub(super) fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// The schema of a number that counts.
pub(super) fn count() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
}

impl Described {
    /// Answers `status` with JSON of this schema.
    pub(super) fn answers(self, status: StatusCode, what: &str, schema: RefOr<Schema>) -> Self {
        let content = [("application/json", schema)];
        self.responds(status, what, content, false)
    }

    /// The same, with the revision of the config.
    pub(super) fn answers_tagged(
        self,
        status: StatusCode,
        what: &str,
        schema: RefOr<Schema>,
    ) -> Self {
        let content = [("application/json", schema)];
        self.responds(status, what, content, true)
    }

    /// Answers `status` with text of one of these types.
    pub(super) fn says<const N: usize>(
        self,
        status: StatusCode,
        what: &str,
        types: [&str; N],
    ) -> Self {
        self.responds(status, what, types.map(|each| (each, text())), false)
    }

    fn responds<const N: usize>(
        mut self,
        status: StatusCode,
        what: &str,
        contents: [(&str, RefOr<Schema>); N],
        tagged: bool,
    ) -> Self {
        let mut response = ResponseBuilder::new().description(what);
        for (kind, schema) in contents {
            response = response.content(kind, Content::new(Some(schema)));
        }
        if tagged {
            let mut etag = Header::new(text());
            etag.description =
                Some("The revision of the config in force, for `If-Match`.".to_owned());
            response = response.header("ETag", etag);
        }
        self.operation = self.operation.response(status.as_str(), response);
        self
    }

    /// May answer these, each with an explanation.
    pub(super) fn refuses(mut self, statuses: &[StatusCode]) -> Self {
        for status in statuses {
            self.operation = self.operation.response(status.as_str(), refused(*status));
        }
        self
    }

    /// Has a body of this type.
    pub(super) fn takes<T: ToSchema>(self, required: Required) -> Self {
        let content = Content::new(Some(schema::<T>()));
        let body = RequestBodyBuilder::new().content("application/json", content);
        let body = body.required(Some(required)).build();
        let operation = self.operation.request_body(Some(body));
        Self { operation, ..self }.refuses(&[
            StatusCode::BAD_REQUEST,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ])
    }

    /// May be asked for with this field in the head, or this key after the `?`.
    pub(super) fn hears(
        self,
        (place, name): (ParameterIn, &str),
        schema: RefOr<Schema>,
        about: &str,
    ) -> Self {
        let parameter = parameter(name, place, about, Required::False).schema(Some(schema));
        Self { operation: self.operation.parameter(parameter), ..self }
    }

    /// Changes something: wants a right, heeds `If-Match`, and tells what came of it.
    pub(super) fn changes(self, status: StatusCode, what: &str) -> Self {
        let described = self
            .answers_tagged(status, what, schema::<crate::conductor::Applied>())
            .hears((ParameterIn::Header, "If-Match"), text(), IF_MATCH)
            .refuses(&[
                StatusCode::BAD_REQUEST,
                StatusCode::UNAUTHORIZED,
                StatusCode::FORBIDDEN,
                StatusCode::PRECONDITION_FAILED,
                StatusCode::UNPROCESSABLE_ENTITY,
                StatusCode::SERVICE_UNAVAILABLE,
            ]);
        let operation = described
            .operation
            .security(SecurityRequirement::default())
            .security(SecurityRequirement::new(BEARER, [""; 0]));
        Self { operation, ..described }
    }

    /// As a path with one method.
    pub(super) fn item(self) -> PathItem {
        PathItem::new(self.method, self.operation.build())
    }
}

fn parameter(name: &str, place: ParameterIn, about: &str, required: Required) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .description(Some(about))
        .required(required)
}

const IF_MATCH: &str = "The revision that you have seen, in quotes, as `ETag` has it. \
    Without it, or with `*`, the change is made whatever has changed since.";
