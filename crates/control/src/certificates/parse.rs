//! From the bytes of a certificate's files to what the plan has of it. Pure; `source` reads the files. What is refused here is what
//! clients would refuse, or should: found when the file is read, and not by them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evenkeel_plan::tls::{Certificate, Names};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, X509Name};

use super::problem::{Part, Problem};

/// A certificate that can be used.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) certificate: Arc<Certificate>,
    /// Whether the chain was in another order than clients want it.
    pub(crate) was_sorted: bool,
    /// What people are told of it beside.
    pub(crate) about: Arc<About>,
}

/// What people are told of a certificate, and nothing follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The kind of key, and how large it is.
    pub(crate) key: String,
    /// Who has signed it.
    pub(crate) issuer: String,
    /// Whom it says that it is for, beside its names.
    pub(crate) subject: String,
}

/// Whom a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Clients, who look at its names.
    Server,
    /// Endpoints.
    Client,
}

/// Reads a chain and a key, both in PEM; both may be in the same bytes. `now` is when it has to be good.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub(crate) fn parse(
    chain: &[u8],
    key: &[u8],
    purpose: Purpose,
    now: SystemTime,
) -> Result<Parsed, Problem> {
    let chain = read_chain(chain)?;
    let parsed = chain.iter().map(read_certificate).collect::<Result<Vec<_>, _>>()?;
    // Before the key, which the library would not take either, but cannot say why.
    parsed.iter().try_for_each(check_strength)?;
    let key = any_supported_type(&read_key(key)?).map_err(|_| Problem::UnusableKey)?;
    let order = order(&parsed, &*key)?;
    let leaf = order.first().and_then(|first| parsed.get(*first)).ok_or(Problem::NoCertificate)?;
    let validity = validity_at(leaf, now)?;
    let names = match purpose {
        Purpose::Server => names(leaf)?,
        // Endpoints look at whatever they like.
        Purpose::Client => names(leaf).unwrap_or_default(),
    };
    let was_sorted = !order.iter().copied().eq(0..chain.len());
    let about = Arc::new(About {
        key: describe_key(leaf),
        issuer: describe(leaf.issuer()),
        subject: describe(leaf.subject()),
    });
    let chain = order.iter().map(|at| chain[*at].clone()).collect();
    let key = Arc::new(CertifiedKey::new(chain, key));
    Ok(Parsed { certificate: Arc::new(Certificate { key, names, validity }), was_sorted, about })
}

// === PEM ===

/// All certificates in `text`; at least one.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let sections = sections(text, Part::Chain)?;
    let all: Vec<_> = sections
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if all.is_empty() { Err(Problem::NoCertificate) } else { Ok(all) }
}

fn read_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let chain = certificates(text)?;
    if chain.iter().map(|der| der.len()).sum::<usize>() > CHAIN_BYTES_MAX {
        return Err(Problem::TooLarge(CHAIN_BYTES_MAX));
    }
    Ok(chain)
}

fn read_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    if ENCRYPTED.iter().any(|mark| contains(text, mark)) {
        return Err(Problem::EncryptedKey);
    }
    let mut sections = sections(text, Part::Key)?.into_iter();
    let key = sections.find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    key.ok_or(Problem::NoKey)
}

/// All sections of a kind that the library knows.
pub(super) fn sections(text: &[u8], part: Part) -> Result<Vec<(SectionKind, Vec<u8>)>, Problem> {
    if !contains(text, b"-----BEGIN ") {
        return Err(Problem::Garbled(part));
    }
    let sections: Result<Vec<_>, pem::Error> =
        <(SectionKind, Vec<u8>)>::pem_slice_iter(text).collect();
    sections.map_err(|error| match error {
        pem::Error::MissingSectionEnd { .. } => Problem::Truncated(part),
        _ => Problem::Garbled(part),
    })
}

fn contains(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len()).any(|window| window == mark)
}

// === X.509 ===

pub(super) fn read_certificate<'a>(
    der: &'a CertificateDer<'_>,
) -> Result<X509Certificate<'a>, Problem> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Problem::NotACertificate),
    }
}

/// Of a root nobody looks at the signature: whoever trusts it has it already.
pub(super) fn check_strength(certificate: &X509Certificate<'_>) -> Result<(), Problem> {
    if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < RSA_BITS_MIN
    {
        return Err(Problem::WeakKey(key.key_size()));
    }
    let is_root = certificate.is_ca() && certificate.subject() == certificate.issuer();
    let hash = forgeable_hash(&certificate.signature_algorithm).filter(|_| !is_root);
    hash.map_or(Ok(()), |hash| Err(Problem::WeakSignature(hash)))
}

/// The hash of a signature, if others with the same have been made.
fn forgeable_hash(algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static str> {
    let id = algorithm.algorithm.to_id_string();
    if id == RSA_PSS {
        let parameters = algorithm.parameters.as_ref();
        let parameters = parameters.and_then(|it| RsaSsaPssParams::try_from(it).ok());
        let hash = parameters.map(|it| it.hash_algorithm_oid().to_id_string());
        // Where it is not said, it is this one (RFC 4055 §3.1).
        return hash.is_none_or(|hash| hash == SHA_1).then_some("SHA-1");
    }
    FORGEABLE.iter().find(|(known, _)| *known == id).map(|(_, hash)| *hash)
}

/// The chain as clients want it (RFC 8446 §4.4.2): first the one that the key belongs to, then each time the one that has signed it.
/// What is not needed for that comes last, as it was.
fn order(chain: &[X509Certificate<'_>], key: &dyn SigningKey) -> Result<Vec<usize>, Problem> {
    let public = key.public_key().ok_or(Problem::UnusableKey)?;
    let is_leaf = |it: &X509Certificate<'_>| it.public_key().raw == &*public;
    let leaf = chain.iter().position(is_leaf).ok_or(Problem::KeyMismatch)?;
    let mut left: Vec<usize> = (0..chain.len()).filter(|at| *at != leaf).collect();
    let mut order = vec![leaf];
    let mut last = leaf;
    while let Some(at) = left.iter().position(|at| chain[*at].subject() == chain[last].issuer()) {
        last = left.remove(at);
        order.push(last);
    }
    order.extend(left);
    Ok(order)
}

/// From when on it is good, and until when.
pub(super) fn validity(
    certificate: &X509Certificate<'_>,
) -> Result<(SystemTime, SystemTime), Problem> {
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let (from, until) = (system_time(from), system_time(until));
    from.zip(until).ok_or(Problem::NotACertificate)
}

fn validity_at(
    leaf: &X509Certificate<'_>,
    now: SystemTime,
) -> Result<(SystemTime, SystemTime), Problem> {
    let (from, until) = validity(leaf)?;
    match () {
        () if now < from => Err(Problem::NotYetValid(from)),
        () if now > until => Err(Problem::Expired(until)),
        () => Ok((from, until)),
    }
}

pub(super) fn system_time(unix_seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(unix_seconds.unsigned_abs());
    if unix_seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

// === Names ===

fn names(leaf: &X509Certificate<'_>) -> Result<Names, Problem> {
    let alternatives = leaf.subject_alternative_name();
    let alternatives = alternatives.map_err(|_| Problem::BadName("subjectAltName".to_owned()))?;
    let names = alternatives.iter().flat_map(|it| &it.value.general_names);
    let names = names.filter_map(name).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Err(Problem::NoName);
    }
    Ok(Names::new(names.iter().map(String::as_str)))
}

/// A name that clients of HTTP look for; `None` for one of another kind, such as that of a mailbox.
fn name(name: &GeneralName<'_>) -> Option<Result<String, Problem>> {
    Some(match name {
        GeneralName::DNSName(name) if is_dns_name(name) => Ok((*name).to_owned()),
        GeneralName::DNSName(name) => Err(Problem::BadName((*name).to_owned())),
        GeneralName::IPAddress(bytes) => match address(bytes) {
            Some(address) => Ok(address.to_string()),
            None => Err(Problem::BadName(format!("an address of {} bytes", bytes.len()))),
        },
        GeneralName::Invalid(_, bytes) => {
            Err(Problem::BadName(String::from_utf8_lossy(bytes).into_owned()))
        }
        _ => return None,
    })
}

/// Letters, digits, hyphens, and, as they are met in the wild, underscores; a `*` as the whole first label only (RFC 9525 §6.3).
pub(crate) fn is_dns_name(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_good)
    };
    name.len() <= 253 && plain.split('.').all(is_label)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into());
    let v6 = || Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into());
    v4().or_else(v6)
}

// === For people ===

/// Such as `ECDSA P-256` or `RSA 2048`.
fn describe_key(leaf: &X509Certificate<'_>) -> String {
    let bits = leaf.public_key().parsed().map_or(0, |key| key.key_size());
    match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(_)) => format!("RSA {bits}"),
        // The coordinates of P-521 have 66 bytes.
        Ok(PublicKey::EC(_)) => format!("ECDSA P-{}", bits.min(521)),
        _ if leaf.public_key().algorithm.algorithm.to_id_string() == ED25519 => "Ed25519".into(),
        _ => "unknown".into(),
    }
}

/// The organisation and the name of somebody, as far as it says so. Anybody may have written that: nothing in it moves the cursor of a
/// terminal.
fn describe(who: &X509Name<'_>) -> String {
    let organisation = who.iter_organization().next().and_then(|it| it.as_str().ok());
    let name = who.iter_common_name().next().and_then(|it| it.as_str().ok());
    let words: Vec<&str> = match (organisation, name) {
        (Some(organisation), Some(name)) if name.contains(organisation) => vec![name],
        (organisation, name) => organisation.into_iter().chain(name).collect(),
    };
    let text = words.join(", ");
    let text = if text.is_empty() { who.to_string() } else { text };
    let shown = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    text.chars().map(shown).take(WHO_LETTERS_MAX).collect()
}

/// RFC 8410 §3.
const ED25519: &str = "1.3.101.112";

/// X.520 allows 64 for each of the two.
const WHO_LETTERS_MAX: usize = 130;

/// All certificates of a chain together. Some clients stop reading at 64 KiB or 100 000 bytes, and each handshake sends it.
pub(super) const CHAIN_BYTES_MAX: usize = 100_000;

/// NIST SP 800-57 part 1, and the Baseline Requirements of the CA/Browser Forum §6.1.5.
const RSA_BITS_MIN: usize = 2048;

/// Signatures with such hashes (RFC 3279 §2.2).
const FORGEABLE: [(&str, &str); 4] = [
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.2.840.10040.4.3", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

/// Signatures that say apart which hash they have (RFC 4055).
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const SHA_1: &str = "1.3.14.3.2.26";

/// What encrypted keys have in them, in PKCS #8 (RFC 5958) and before it (RFC 1421).
const ENCRYPTED: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
