//! The words of a config that stand for values of the plan and of `proto`. `decode` reads them, `write` writes them.

use evenkeel_plan::access::{AccessFormat, Kept};
use evenkeel_plan::cluster::HttpVersion;
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::{Ambiguity, EmptySegments};

use super::model::{AcmeKey, TlsVersion};

/// Words, and what each stands for.
pub(super) type Words<T, const N: usize> = [(&'static str, T); N];

/// The word for `value`.
pub(super) fn word_for<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word)
}

/// What may become of an ambiguous path.
pub(super) const AMBIGUITY: Words<Ambiguity, 2> =
    [("refuse", Ambiguity::Refuse), ("keep", Ambiguity::Keep)];

/// What may become of `//`.
pub(super) const EMPTY_SEGMENTS: Words<EmptySegments, 3> = [
    ("keep", EmptySegments::Keep),
    ("merge", EmptySegments::Merge),
    ("refuse", EmptySegments::Refuse),
];

/// What may become of fields with unusual names.
pub(super) const UNUSUAL_NAMES: Words<UnusualNames, 3> =
    [("drop", UnusualNames::Drop), ("refuse", UnusualNames::Refuse), ("keep", UnusualNames::Keep)];

/// The versions of HTTP that endpoints are asked in.
pub(super) const HTTP_VERSIONS: Words<HttpVersion, 3> =
    [("1", HttpVersion::Http1), ("2", HttpVersion::Http2), ("auto", HttpVersion::Auto)];

/// The versions of TLS.
pub(super) const TLS_VERSIONS: Words<TlsVersion, 2> =
    [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];

/// Whether clients prove who they are: `None` if nobody asks them, else whether they have to.
pub(super) const CLIENT_AUTH: Words<Option<bool>, 3> =
    [("none", None), ("optional", Some(false)), ("required", Some(true))];

/// The kinds of keys that certificates are ordered for.
pub(super) const ACME_KEYS: Words<AcmeKey, 4> = [
    ("p256", AcmeKey::P256),
    ("p384", AcmeKey::P384),
    ("rsa2048", AcmeKey::Rsa2048),
    ("rsa4096", AcmeKey::Rsa4096),
];

/// The forms of the access log; the command line has them, too.
pub const ACCESS_FORMATS: [(&str, AccessFormat); 2] =
    [("json", AccessFormat::Json), ("combined", AccessFormat::Combined)];

/// Which exchanges are logged.
pub(super) const KEPT: Words<Kept, 2> = [("all", Kept::All), ("errors", Kept::Errors)];
