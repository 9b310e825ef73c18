//! `[acme.NAME]`: a certificate that an authority issues, and how it is shown that its names are ours.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, Span, quoted};
use super::super::model::{
    AcmeConfig, AcmeKey, BindingConfig, ChallengeConfig, FilePlace, Secret, acme_file,
};
use super::super::section::{Field, Section};
use super::super::units;
use super::super::words::ACME_KEYS;
use super::health::parse_command;
use super::tls::{folder_path, place};
use crate::certificates::is_dns_name;

/// See [`AcmeConfig`].
#[derive(Debug)]
pub(in crate::config) struct AcmeDraft {
    pub(in crate::config) name: Spanned<String>,
    names: Vec<String>,
    directory: String,
    email: Option<String>,
    pub(in crate::config) challenge: ChallengeConfig,
    /// Where that is written, if it is.
    pub(in crate::config) challenge_span: Option<Span>,
    /// The program that it runs.
    pub(in crate::config) program: Option<Spanned<String>>,
    key: AcmeKey,
    profile: Option<String>,
    binding: Option<BindingConfig>,
    pub(in crate::config) ca: Option<Spanned<FilePlace>>,
    pub(in crate::config) state: Option<Spanned<FilePlace>>,
    /// Where state is that nobody has said the place of.
    pub(in crate::config) usual_state: PathBuf,
}

/// Reads one.
pub(super) fn read(name: Spanned<String>, section: &mut Section<'_>) -> AcmeDraft {
    let names = names(section);
    let (challenge, challenge_span, program) = challenge(section);
    if !matches!(challenge, ChallengeConfig::Dns01 { .. })
        && let Some((star, item)) = names.iter().find(|(name, _)| name.starts_with("*."))
    {
        item.report(wildcard(star));
    }
    let mut text = |key, parse: fn(&str) -> Result<String, Diagnostic>| {
        section.optional(key).and_then(|field| field.parsed("a string", parse))
    };
    let directory = text("directory", parse_url);
    let email = text("email", parse_email);
    let profile = text("profile", |text| Ok(text.to_owned()));
    let key = section.optional("key").and_then(|field| field.choice(&ACME_KEYS));
    let binding = section.table("binding", binding).flatten();
    let ca =
        section.optional("ca").and_then(|field| Some(Spanned::new(field.span(), place(&field)?)));
    let state = section.optional("state").and_then(|field| {
        let folder = field.parsed("the path of a directory", folder_path)?;
        Some(Spanned::new(field.span(), folder.into()))
    });
    AcmeDraft {
        name,
        names: names.into_iter().map(|(name, _)| name).collect(),
        directory: directory.unwrap_or_else(|| DIRECTORY_DEFAULT.to_owned()),
        email: email.filter(|email| !email.is_empty()),
        challenge,
        challenge_span,
        program,
        key: key.unwrap_or_default(),
        profile: profile.filter(|profile| !profile.is_empty()),
        binding,
        ca,
        state,
        usual_state: PathBuf::from(STATE_DEFAULT),
    }
}

// === Names ===

fn names<'a>(section: &mut Section<'a>) -> Vec<(String, Field<'a>)> {
    let Some(field) = section.required("names", NAMES_HELP) else { return Vec::new() };
    let items = field.items("a name");
    if items.is_empty() || items.len() > NAMES_MAX {
        let problem =
            Diagnostic::new(Code::OutOfBounds, format!("{} is out of bounds", section.title()));
        field.report(problem.label(format!("wants 1 to {NAMES_MAX} names")).help(NAMES_HELP));
    }
    let mut names: Vec<(String, Field<'a>)> = Vec::new();
    for item in items {
        let Some(name) = item.parsed("a string", parse_name) else { continue };
        // Twice says no more than once.
        if !names.iter().any(|(known, _)| *known == name) {
            names.push((name, item));
        }
    }
    names
}

fn parse_name(text: &str) -> Result<String, Diagnostic> {
    let refused = |label: &str, help: &str| {
        let message = format!("{} is no name that a certificate is issued for", quoted(text));
        Err(Diagnostic::new(Code::BadRequestPart, message).label(label).help(help))
    };
    match text {
        _ if text.parse::<IpAddr>().is_ok() => {
            refused("is an address", "write the name that leads to it")
        }
        _ if !text.is_ascii() => refused(
            "has other letters than those of DNS",
            "write it as DNS has it, with `xn--`: `python3 -c 'print(\"NAME\".encode(\"idna\"))'` says how",
        ),
        _ if !is_dns_name(text) => refused("is not a name of DNS", NAMES_HELP),
        _ => Ok(text.to_ascii_lowercase()),
    }
}

fn wildcard(name: &str) -> Diagnostic {
    let message = format!("{} cannot be shown to be ours in this way", quoted(name));
    Diagnostic::new(Code::WildcardNeedsDns, message)
        .label("needs `dns-01`")
        .help("authorities issue for a `*` only by DNS: `challenge = { kind = \"dns-01\", command = [\"/etc/evenkeel/dns\"] }`; docs/acme.md says what the program has to do")
}

// === The authority ===

fn parse_url(text: &str) -> Result<String, Diagnostic> {
    let uri =
        text.parse::<Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    let problem = match uri.as_ref().map(Uri::scheme_str) {
        Some(Some("https")) => return Ok(text.to_owned()),
        Some(Some("http")) => "wants https",
        _ => "wants a URL",
    };
    Err(Diagnostic::new(
        Code::BadUrl,
        format!("{} is not the directory of an authority", quoted(text)),
    )
    .label(problem)
    .help(format!(
        "as in \"{DIRECTORY_DEFAULT}\"; what is asked there has to be secure (RFC 8555 §6.1)"
    )))
}

/// The empty one is none.
fn parse_email(text: &str) -> Result<String, Diagnostic> {
    let is_good =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'?' | b'"' | b'<' | b'>');
    let parts = text.split_once('@');
    let is_address = parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if text.is_empty() || (is_address && text.bytes().all(is_good)) {
        return Ok(text.to_owned());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a mail address", quoted(text)))
        .label("wants one address")
        .help("as in \"hostmaster@example.com\""))
}

fn binding(section: &mut Section<'_>) -> Option<BindingConfig> {
    let help = "the authority's page for your account says both: `binding = { key_id = \"…\", mac_key = \"…\" }`";
    let key_id = section.required("key_id", help);
    let mac_key = section.required("mac_key", help);
    let key_id = key_id.and_then(|field| field.parsed("a string", |text| Ok(text.to_owned())));
    let mac_key = mac_key.and_then(|field| field.parsed("a string", parse_mac_key));
    Some(BindingConfig { key_id: key_id?, mac_key: mac_key? })
}

/// What is told about a bad one does not show it.
fn parse_mac_key(text: &str) -> Result<Secret, Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let text = text.trim_end_matches('=');
    if !text.is_empty() && text.bytes().all(is_good) {
        return Ok(Secret::new(text));
    }
    Err(Diagnostic::new(Code::BadToken, "the key of `binding` cannot be used")
        .label("is not base64url")
        .help("copy it as the authority shows it: letters, digits, `-` and `_`"))
}

// === The challenge ===

type Challenge = (ChallengeConfig, Option<Span>, Option<Spanned<String>>);

fn challenge(section: &mut Section<'_>) -> Challenge {
    let Some(field) = section.optional("challenge") else {
        return (ChallengeConfig::TlsAlpn01, None, None);
    };
    let span = Some(field.span());
    let (challenge, program) = match field.value() {
        DeValue::Table(_) => field.table(challenge_table).flatten().unzip(),
        _ => (field.word(&KINDS, &[]).and_then(|kind| simple(&field, kind)), None),
    };
    (challenge.unwrap_or(ChallengeConfig::TlsAlpn01), span, program.flatten())
}

/// A kind that needs no more words.
fn simple(field: &Field<'_>, kind: &str) -> Option<ChallengeConfig> {
    match kind {
        "http-01" => Some(ChallengeConfig::Http01),
        "tls-alpn-01" => Some(ChallengeConfig::TlsAlpn01),
        _ => {
            let problem = Diagnostic::new(Code::MissingKey, "nobody writes the record into DNS");
            field.report(problem.label("lacks `command`").help(COMMAND_HELP));
            None
        }
    }
}

fn challenge_table(
    section: &mut Section<'_>,
) -> Option<(ChallengeConfig, Option<Spanned<String>>)> {
    let kind = section.optional("kind");
    let [command, timeout, wait] = ["command", "timeout", "wait"].map(|key| section.optional(key));
    let word = kind.as_ref().map(|field| field.word(&KINDS, &[]));
    let kind = match word {
        // It is reported, and nobody knows which keys belong to it.
        Some(None) => return None,
        Some(Some(kind)) => kind,
        None if command.is_some() => DNS,
        None => return section.required("kind", "as in `kind = \"http-01\"`").map(|_| None)?,
    };
    if kind != DNS {
        for field in [command, timeout, wait].into_iter().flatten() {
            field.report_misplaced("it is for challenges of kind `dns-01`");
        }
        let challenge =
            if kind == "http-01" { ChallengeConfig::Http01 } else { ChallengeConfig::TlsAlpn01 };
        return Some((challenge, None));
    }
    let mut programs = Vec::new();
    let command = command.or_else(|| section.required("command", COMMAND_HELP));
    let command = command.map(|field| parse_command(&field, &mut programs)).unwrap_or_default();
    let read = |field: Option<Field<'_>>, default| {
        field
            .and_then(|field| field.parsed("a duration in quotes", units::parse_duration))
            .unwrap_or(default)
    };
    let (timeout, wait) = (read(timeout, HOOK_TIMEOUT_DEFAULT), read(wait, WAIT_DEFAULT));
    Some((ChallengeConfig::Dns01 { command, timeout, wait }, programs.pop()))
}

// === impl AcmeDraft ===

impl AcmeDraft {
    /// The file with the certificate and its key.
    pub(in crate::config) fn file(&self) -> PathBuf {
        acme_file(&self.state_place().path, self.name.get_ref())
    }

    /// The config that this becomes when nothing was wrong with it.
    pub(in crate::config) fn finish(self) -> AcmeConfig {
        AcmeConfig {
            state: self.state_place(),
            name: self.name.into_inner(),
            names: self.names,
            directory: self.directory,
            email: self.email,
            challenge: self.challenge,
            key: self.key,
            profile: self.profile,
            binding: self.binding,
            ca: self.ca.map(Spanned::into_inner),
        }
    }

    /// A name that handshakes show to be ours for this one, and for `other`, too.
    pub(in crate::config) fn name_by_tls_of(&self, other: &Self) -> Option<&str> {
        let is_by_tls = |acme: &Self| acme.challenge == ChallengeConfig::TlsAlpn01;
        let is_common =
            |name: &&String| is_by_tls(self) && is_by_tls(other) && other.names.contains(name);
        self.names.iter().find(is_common).map(String::as_str)
    }

    /// The directory where state is kept.
    pub(in crate::config) fn state_place(&self) -> FilePlace {
        let usual = || FilePlace { written: String::new(), path: self.usual_state.clone() };
        self.state.as_ref().map_or_else(usual, |state| state.get_ref().clone())
    }
}

/// Let's Encrypt, which is free of charge and asks for no account elsewhere.
pub(in crate::config) const DIRECTORY_DEFAULT: &str =
    "https://acme-v02.api.letsencrypt.org/directory";

/// Where state is if neither the config nor the service manager says: where our package has it.
pub(in crate::config) const STATE_DEFAULT: &str = "/var/lib/evenkeel/acme";

/// Programs wait for the answers of a provider's API.
pub(in crate::config) const HOOK_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);

/// So long a record takes at most providers until all of their servers have it.
pub(in crate::config) const WAIT_DEFAULT: Duration = Duration::from_secs(10);

/// As many as the authorities of the web take.
const NAMES_MAX: usize = 100;

/// The kinds of challenges.
pub(in crate::config) const KINDS: [&str; 3] = ["tls-alpn-01", "http-01", DNS];

const DNS: &str = "dns-01";

const NAMES_HELP: &str = "as in `names = [\"example.com\", \"www.example.com\"]`";

const COMMAND_HELP: &str = "as in `challenge = { kind = \"dns-01\", command = [\"/etc/evenkeel/dns\"] }`; docs/acme.md says what the program has to do";
