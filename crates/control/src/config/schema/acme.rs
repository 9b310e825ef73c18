//! `[acme.NAME]` and the tables in it.

use schemars::JsonSchema;

use super::super::decode::DIRECTORY_DEFAULT;
use super::values::{
    AcmeKey, Base64, CertificateName, ChallengeKind, DirectoryUrl, Duration, Either, Email,
    FilePath, FolderPath, OneOrMany, Program, Word,
};

/// A certificate that an authority issues by ACME, and that is renewed in time. Who orders one agrees to the terms of the authority's
/// service. docs/acme.md says more.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[acme.NAME]", "x-example" = r#"
[acme.web]
names = ["example.com", "www.example.com"]
email = "hostmaster@example.com"

[listener.web]
bind = ":443"
protocol = "https"
certificates = [{ acme = "web" }]
to = "api"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct Acme {
    /// Whom the certificate is for, at most 100 names. One with a `*` needs the challenge `dns-01`.
    names: OneOrMany<CertificateName>,

    /// The authority.
    #[schemars(extend("default" = DIRECTORY_DEFAULT))]
    directory: Option<DirectoryUrl>,

    /// Whom the authority writes to when something is wrong with certificates.
    #[schemars(extend("default" = ""))]
    email: Option<Email>,

    /// How it is shown that the names are ours: `"tls-alpn-01"` in a handshake on port 443, `"http-01"` in clear text on port 80, or by DNS.
    #[schemars(extend("default" = "tls-alpn-01"))]
    challenge: Option<Either<ChallengeKind, AcmeChallenge>>,

    /// What the certificate's key is. There is a new one each time.
    #[schemars(extend("default" = "p256"))]
    key: Option<AcmeKey>,

    /// Which of the authority's kinds of certificates, if it has several; Let's Encrypt has `"shortlived"`. An empty one is the authority's choice.
    #[schemars(extend("default" = ""))]
    profile: Option<Word>,

    /// An account that the authority wants the one of ACME to be bound to when that is made.
    binding: Option<AcmeBinding>,

    /// The authorities, in PEM, that the directory's own certificate is checked by. Without it, those of the system.
    ca: Option<FilePath>,

    /// The directory where the account's key, and the certificate with its key, are kept. Several replicas may share it. Without it, `acme`
    /// in the state directory that systemd says, or `/var/lib/evenkeel/acme`.
    state: Option<FolderPath>,
}

/// How it is shown that names are ours, in more than a word.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[acme.NAME.challenge]", "x-example" = r#"
[acme.all]
names = ["example.com", "*.example.com"]
challenge = { kind = "dns-01", command = ["/bin/true", "example.com"], wait = "30s" }

[listener.web]
bind = ":443"
protocol = "https"
certificates = [{ acme = "all" }]
to = "api"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct AcmeChallenge {
    /// Which kind. Not needed with `command`.
    kind: Option<ChallengeKind>,

    /// For `dns-01`: the program that writes a record into DNS and takes it away again, and its arguments. docs/acme.md says what it is told.
    command: Option<Either<Program, Vec<String>>>,

    /// How long the program may run.
    #[schemars(extend("default" = "1m"))]
    timeout: Option<Duration>,

    /// How long it takes until all servers of the zone have the record.
    #[schemars(extend("default" = "10s"))]
    wait: Option<Duration>,
}

/// An account elsewhere to which the one of ACME is bound (RFC 8555 §7.3.4).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[acme.NAME.binding]", "x-example" = r#"
[acme.web]
names = ["example.com"]
directory = "https://acme.zerossl.com/v2/DV90"
binding = { key_id = "kid-1", mac_key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" }

[listener.web]
bind = ":443"
protocol = "https"
certificates = [{ acme = "web" }]
to = "api"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct AcmeBinding {
    /// What the authority calls the account.
    key_id: Word,

    /// What proves it.
    mac_key: Base64,
}
