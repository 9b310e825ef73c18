//! The values that keys have: durations, sizes, addresses, words.

use std::borrow::Cow;

use evenkeel_plan::balance::Algorithm;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::super::decode::{CHALLENGE_KINDS, CHECK_KINDS, PROTOCOLS};
use super::super::model::LogLevel;
use super::super::words::{
    ACCESS_FORMATS, ACME_KEYS, AMBIGUITY, CLIENT_AUTH, EMPTY_SEGMENTS, HTTP_VERSIONS, KEPT,
    TLS_VERSIONS, UNUSUAL_NAMES,
};

/// A kind of string, with its name, what it looks like, and what it is. Variables may stand in all of them.
macro_rules! strings {
    ($($type:ident, $title:literal, $pattern:literal, $description:literal;)*) => {
        $(pub(super) struct $type;

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "title": $title,
                    "description": $description,
                    "type": "string",
                    "pattern": concat!("^(?:", $pattern, ")$|[$][{]"),
                })
            }
        })*

        /// The kinds of strings, as the page lists them: their titles and what they are.
        pub(super) const STRINGS: &[(&str, &str)] = &[$(($title, $description)),*];
    };
}

strings! {
    Duration, "duration", "(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?",
        "whole numbers with units, the larger unit first, such as `\"500ms\"`, `\"10s\"`, `\"1h30m\"`; `d`, `h`, `m`, `s` and `ms`, and at most 365 days";
    Size, "size", "[0-9]+(?:[kK][bB]|[mM][bB]|[gG][bB]|[kK][iI][bB]|[mM][iI][bB]|[gG][iI][bB]|[bB])?",
        "bytes, such as `\"100\"`, `\"16KiB\"` (1024), `\"16kB\"` (1000), and the same with `MiB`, `MB`, `GiB`, `GB`";
    Share, "share", "[0-9.]+%",
        "a number from 0 to 100 and a percent sign, such as `\"20%\"`";
    Rate, "rate", "[0-9.]+/s",
        "a number and `/s`, such as `\"10/s\"`: so many in a second";
    HedgeAfter, "time of a second attempt", "off|p[0-9.]+|(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?",
        "a quantile of the time to the first byte, such as `\"p95\"`, or a duration, such as `\"30ms\"`";
    CountRate, "rate of a limit", "[0-9]+/[smh]",
        "a whole number and `/s`, `/m` or `/h`, such as `\"100/s\"` or `\"5/m\"`: so many in a second, a minute or an hour; at most `\"100000/s\"`";
    Bind, "address to listen on", "(?:.*:)?[0-9]+|fd:.+",
        "a port on all addresses, such as `\":8080\"`, or one address: `\"127.0.0.1:8080\"`, `\"[::1]:8080\"`; or `\"fd:web\"`, the socket that systemd passes under that name";
    AdminAddress, "address of the admin API", "(?:.*:)?[0-9]+|unix:.+",
        "a port on this machine, such as `\"9901\"`, an address: `\"127.0.0.1:9901\"`, or a path: `\"unix:/run/evenkeel/admin.sock\"`";
    EndpointAddress, "address of an endpoint", "(?:.*:)?[0-9]+",
        "a port on this machine, such as `\"9001\"`, or an address or name with a port: `\"10.0.0.1:8080\"`, `\"[::1]:8080\"`, `\"app.internal:8080\"`";
    Network, "network", "[0-9a-fA-F.:]+(?:/[0-9]+)?",
        "such as `\"10.0.0.0/8\"` or `\"fd00::/8\"`, or one address";
    ClusterName, "name of a cluster", "[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*",
        "the `api` of `[cluster.api]`, which is a name as any";
    Name, "name", "[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*",
        "letters, digits, `-`, `_` and `.`, at most 64, at least one of them a letter";
    FilePath, "path of a file", ".*[^/]",
        "where a relative one starts depends on the key";
    FolderPath, "path of a directory", ".+",
        "a relative one starts at the folder of the file that names it";
    RequestPath, "path of a URL", "/[!-\"$-~]*",
        "starts with a slash, such as `\"/health\"`";
    Method, "method", "[A-Z-]+",
        "in capital letters, such as `\"GET\"`";
    RouteHost, "host of a route", "[*]|(?:[*][.])?[A-Za-z0-9_-][A-Za-z0-9._-]*|\\[[0-9a-fA-F:.]+\\]",
        "a name or address without a port, such as `\"api.example.com\"`, or `\"*.example.com\"` for all names below it";
    AlpnProtocol, "protocol of ALPN", "[!-~]{1,255}",
        "visible ASCII, such as `\"h2\"`: what clients offer";
    RoutePath, "path of a route", "/.*",
        "a path such as `\"/v1\"`, or `\"/v1/*\"` for it and all below it";
    Host, "host", "[A-Za-z0-9._~:\\[\\]-]+",
        "a name or address with or without a port, such as `\"app.example.com\"`";
    ServerName, "name of a server", "[A-Za-z0-9._-]+",
        "a name without a port, such as `\"app.example.com\"`";
    CertificateName, "name in a certificate", "(?:[*][.])?[A-Za-z0-9_-]+(?:[.][A-Za-z0-9_-]+)*",
        "a name of DNS, such as `\"example.com\"`, or `\"*.example.com\"`";
    DirectoryUrl, "URL of a directory", "https://.+",
        "where an authority says what it can do (RFC 8555 §7.1.1)";
    Email, "mail address", "|[!-~]+@[!-~]+",
        "such as `\"hostmaster@example.com\"`; an empty one is none";
    Word, "text", ".*",
        "any";
    Base64, "base64url", "[A-Za-z0-9_-]+=*",
        "letters, digits, `-` and `_`, best from a variable";
    Service, "name of a service", "[!-~]*",
        "such as `\"shop.v1.Cart\"`; an empty one stands for the server as a whole";
    BodyText, "text in a body", "[\\s\\S]{1,256}",
        "1 to 256 bytes, as they are in the body";
    Program, "program", "/.*[^/]",
        "its whole path, such as `\"/usr/local/bin/check\"`";
    Token, "token", "|[!-~]{16,}",
        "at least 16 ASCII letters, digits and signs, best from a variable, as in `\"${ADMIN_TOKEN}\"`";
    CookieName, "name in a message", "[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        "letters, digits and some signs, without blanks";
    CookiePath, "path of a cookie", "/[!-:<-~]*",
        "starts with a slash; visible ASCII without `;`";
    CookieDomain, "domain of a cookie", "[A-Za-z0-9._-]+",
        "such as `\"example.com\"`";
    SessionKey, "key of sessions", "|.{16,}",
        "at least 16 bytes, best from a variable, as in `\"${SESSION_KEY}\"`";
    KeySource, "source of a key", "client|host|path|(?:header|cookie|query):.+",
        "`\"client\"` (its address), `\"host\"`, `\"path\"`, `\"header:NAME\"`, `\"cookie:NAME\"` or `\"query:NAME\"`";
    FieldSource, "field of a request", "header:[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        "`\"header:NAME\"`, such as `\"header:x-priority\"`";
    Zone, "zone", "[A-Za-z0-9._/-]{0,64}",
        "letters, digits, `-`, `_`, `.` and `/`, at most 64; an empty one is none";
    Label, "label", "[A-Za-z0-9._/-]{1,64}",
        "letters, digits, `-`, `_`, `.` and `/`, at most 64; names and values alike";
    Status, "status", "[1-5][0-9][0-9](?:-[1-5][0-9][0-9])?",
        "a status or a range of them in quotes, such as `\"204\"` or `\"200-399\"`";
}

/// One of some words, which come from where the decoder has them.
macro_rules! words {
    ($($type:ident, $words:expr;)*) => {
        $(pub(super) struct $type;

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let words: Vec<&str> = $words.into();
                let variable = generator.subschema_for::<Variable>();
                json_schema!({ "anyOf": [{ "enum": words }, variable] })
            }
        })*
    };
}

words! {
    Off, ["off"];
    Auto, ["auto"];
    Protocol, PROTOCOLS;
    Balance, Algorithm::ALL.map(Algorithm::name);
    CheckKind, CHECK_KINDS;
    RetryTrigger, evenkeel_plan::retry::Trigger::ALL.map(evenkeel_plan::retry::Trigger::name);
    StreamKind, evenkeel_plan::rebalance::Kind::ALL.map(evenkeel_plan::rebalance::Kind::name);
    SameSite, evenkeel_plan::balance::SameSite::ALL.map(evenkeel_plan::balance::SameSite::name);
    ClientAuth, CLIENT_AUTH.map(|(word, _)| word);
    HttpVersion, HTTP_VERSIONS.map(|(word, _)| word);
    TlsVersion, TLS_VERSIONS.map(|(word, _)| word);
    UnusualNames, UNUSUAL_NAMES.map(|(word, _)| word);
    Ambiguity, AMBIGUITY.map(|(word, _)| word);
    EmptySegments, EMPTY_SEGMENTS.map(|(word, _)| word);
    ChallengeKind, CHALLENGE_KINDS;
    AcmeKey, ACME_KEYS.map(|(word, _)| word);
    Level, LogLevel::ALL.map(LogLevel::name);
    AccessFormat, ACCESS_FORMATS.map(|(word, _)| word);
    Keep, KEPT.map(|(word, _)| word);
}

/// A string with a variable in it may become any word.
pub(super) struct Variable;

impl JsonSchema for Variable {
    fn schema_name() -> Cow<'static, str> {
        "Variable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A variable of the process, as in \"${NAME}\" or \"${NAME:-default}\".",
            "type": "string",
            "pattern": "[$][{]",
        })
    }
}

/// `false`, where a value can be switched off.
pub(super) struct False;

impl JsonSchema for False {
    fn schema_name() -> Cow<'static, str> {
        "False".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": false })
    }
}

// One value may stand alone, several are a list.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

// One of two kinds of values.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) enum Either<A, B> {
    A(A),
    B(B),
}
