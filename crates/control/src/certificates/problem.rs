//! What can be wrong with a certificate, in words for people. `parse` and `source` find it, config reports and the log show it.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use x509_parser::time::ASN1Time;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file, or the directory, cannot be read: what the system says.
    Unreadable(String),
    /// There is no such file or directory.
    Absent,
    /// It is still to come from its authority.
    Awaited,
    /// It is a file, and not a directory.
    NoDirectory,
    /// This machine trusts no authority.
    NothingTrusted,
    /// The directory has no pair of a certificate and its key.
    NothingFound,
    /// It is larger than any certificate is: so many bytes, at most.
    TooLarge(usize),
    /// There is text of PEM in it that cannot be understood.
    Garbled(Part),
    /// A section has no end.
    Truncated(Part),
    /// There is no certificate in it.
    NoCertificate,
    /// What is said to be a certificate is none.
    NotACertificate,
    /// There is no private key in it.
    NoKey,
    /// The key can be read only by who knows its password.
    EncryptedKey,
    /// The key is of no kind that we can sign with.
    UnusableKey,
    /// The key belongs to none of the certificates.
    KeyMismatch,
    /// It is good from then on.
    NotYetValid(SystemTime),
    /// It was good until then.
    Expired(SystemTime),
    /// It has no name that clients look at (RFC 9525 §6.1: they do not look at the subject).
    NoName,
    /// One of its names is none, or has a zero byte in it.
    BadName(String),
    /// Its key, or that of an authority in the chain, has only so many bits.
    WeakKey(usize),
    /// It, or an authority in the chain, is signed with something that can be forged.
    WeakSignature(&'static str),
    /// One of the certificates may not sign others: its subject.
    NoAuthority(String),
    /// There is no revocation list in it.
    NoList,
    /// The revocation list is of a kind that cannot be used: why.
    UnusableList(String),
    /// The revocation list has the name of this authority and a signature that is not the authority's.
    ForgedList(String),
    /// The revocation list is of this authority, which is none of those that sign clients' certificates.
    ForeignList(String),
    /// There are revocation lists, and none of this authority.
    Unlisted(String),
    /// The next revocation list should have come by then.
    Outdated(SystemTime),
    /// The TLS library refuses what would come of it: what it says.
    Library(String),
    /// There is no key for tickets in it.
    NoTicketKey,
    /// This line is no key for tickets.
    BadTicketKey(usize),
}

/// Which of the two files of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The one with the certificate and its chain.
    Chain,
    /// The one with the private key.
    Key,
}

/// What is to be said about a file of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, or the directory, as the process calls it.
    pub file: PathBuf,
    /// What is to be said.
    pub remark: Remark,
}

/// How bad it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It cannot be used.
    Refused(Problem),
    /// It cannot be used, but what was good of the same source before stays in use.
    Kept(Problem),
    /// Its time is over: whoever would have to be judged by it is refused.
    Lapsed(Problem),
    /// It cannot be used, and others of the same source can.
    LeftOut(Problem),
    /// It is good for only so many days more; 0 for less than one, or none at all.
    ExpiresIn(u64),
    /// The chain was not in order; it is sent in the right one.
    Sorted,
    /// It has secrets for tickets, and every user of the machine may read it.
    Open,
    /// The same of a private key.
    KeyOpen,
}

impl Problem {
    /// Which of the two files it is about.
    pub(super) fn part(&self) -> Part {
        match self {
            Self::Garbled(part) | Self::Truncated(part) => *part,
            Self::NoKey | Self::EncryptedKey | Self::UnusableKey | Self::KeyMismatch => Part::Key,
            _ => Part::Chain,
        }
    }

    /// What to do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "the user that runs evenkeel needs the right to read it",
            Self::Absent => {
                "a path starts at the folder of this config, unless it starts with a slash"
            }
            Self::Awaited => "`evenkeel status` and the log say how its order goes on",
            Self::NoDirectory => {
                "for a file write `{ cert = \"a.crt\", key = \"a.key\" }`, or `{ cert = \"both.pem\" }`"
            }
            Self::NothingTrusted => {
                "install the package ca-certificates, or name who has signed the endpoints' certificates: `ca = \"ca.pem\"`"
            }
            Self::NothingFound => {
                "a pair is NAME.crt, NAME.pem or NAME.cer with NAME.key, or fullchain.pem with privkey.pem, there or in a directory below"
            }
            Self::TooLarge(_) => {
                "it should have the certificate and the authorities between it and the root, not a bundle of all roots"
            }
            Self::Garbled(_) => {
                "it should be text with `-----BEGIN …-----`; `openssl x509 -inform der -in FILE -out FILE.pem` makes PEM of DER"
            }
            Self::Truncated(_) => "copy the whole file again",
            Self::NoCertificate => "it should have a section `-----BEGIN CERTIFICATE-----`",
            Self::NotACertificate => "have it issued again",
            Self::NoKey => {
                "name the file with the key, as in `{ cert = \"a.crt\", key = \"a.key\" }`, or put NAME.key beside NAME.crt"
            }
            Self::EncryptedKey => ENCRYPTED_KEY_HELP,
            Self::UnusableKey => {
                "use an RSA key of 2048 to 8192 bits, one of the curves P-256, P-384 and P-521, or Ed25519"
            }
            Self::KeyMismatch => {
                "the certificate was issued for another key: put the two that belong together side by side"
            }
            Self::NotYetValid(_) => "is this machine's clock right?",
            Self::Expired(_) => "renew it, and look at what should have",
            Self::NoName => {
                "clients do not look at the subject: have it issued with subjectAltName, as in `-addext subjectAltName=DNS:example.com`"
            }
            Self::BadName(_) => {
                "have it issued with names such as `example.com` and `*.example.com`, or addresses"
            }
            Self::WeakKey(_) => {
                "have it issued for a key of 2048 bits, or better one of the curve P-256"
            }
            Self::WeakSignature(_) => {
                "no client trusts it any more: have it issued again, with SHA-256"
            }
            Self::NoAuthority(_) => {
                "name the authority that has signed the certificates, whose own has `basicConstraints=CA:TRUE`"
            }
            Self::NoList => {
                "it should have a section `-----BEGIN X509 CRL-----`; `openssl crl -inform der -in FILE -out FILE.pem` makes PEM of DER"
            }
            Self::UnusableList(_) => {
                "it has to be a whole list of version 2 (RFC 5280 §5): with `openssl ca -gencrl` set `crlnumber` and `crl_extensions`"
            }
            Self::ForgedList(_) => "fetch it again, from the authority itself",
            Self::ForeignList(_) => FOREIGN_LIST_HELP,
            Self::Unlisted(_) => UNLISTED_HELP,
            Self::Outdated(_) => OUTDATED_HELP,
            Self::Library(_) => LIBRARY_HELP,
            Self::NoTicketKey => "`openssl rand -base64 48 > FILE` writes one",
            Self::BadTicketKey(_) => {
                "each line is a key: at least 32 random bytes in base64, as `openssl rand -base64 48` writes them; the first one is used for new tickets"
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Absent => f.write_str("does not exist"),
            Self::Awaited => f.write_str("has not been issued yet"),
            Self::NoDirectory => f.write_str("is not a directory"),
            Self::NothingTrusted => f.write_str("has no authority that this machine trusts"),
            Self::NothingFound => f.write_str("has no certificate with a key"),
            Self::TooLarge(most) => write!(f, "has more than {most} bytes"),
            Self::Garbled(_) => f.write_str("is not PEM"),
            Self::Truncated(_) => f.write_str("is cut off: the end of a section is missing"),
            Self::NoCertificate => f.write_str("has no certificate"),
            Self::NotACertificate => f.write_str("has something that is no X.509 certificate"),
            Self::NoKey => f.write_str("has no private key"),
            Self::EncryptedKey => f.write_str("has an encrypted key"),
            Self::UnusableKey => f.write_str("has a key that cannot be used"),
            Self::KeyMismatch => f.write_str("has a key that does not belong to the certificate"),
            Self::NotYetValid(from) => write!(f, "is not valid before {}", date(*from)),
            Self::Expired(until) => write!(f, "has expired: it was valid until {}", date(*until)),
            Self::NoName => f.write_str("is for no name: it has no subjectAltName"),
            Self::BadName(name) => write!(f, "is for {name:?}, which is no name"),
            Self::WeakKey(bits) => write!(f, "has an RSA key of only {bits} bits"),
            Self::WeakSignature(hash) => write!(f, "is signed with {hash}, which can be forged"),
            Self::NoAuthority(subject) => {
                write!(f, "has a certificate that may not sign others: that of {subject:?}")
            }
            Self::NoList => f.write_str("has no revocation list"),
            Self::UnusableList(why) => {
                write!(f, "has a revocation list that cannot be used: {why}")
            }
            Self::ForgedList(issuer) => {
                write!(
                    f,
                    "has a revocation list that {issuer:?} has not signed, although it says so"
                )
            }
            Self::ForeignList(issuer) => {
                write!(f, "has the revocation list of {issuer:?}, which is none of the authorities")
            }
            Self::Unlisted(subject) => {
                write!(f, "has an authority without a revocation list: {subject:?}")
            }
            Self::Outdated(due) => write!(f, "is outdated: the next list was due {}", date(*due)),
            Self::Library(why) => write!(f, "is refused by the TLS library: {why}"),
            Self::NoTicketKey => f.write_str("has no key"),
            Self::BadTicketKey(line) => write!(f, "has no key in line {line}"),
        }
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.remark {
            Remark::Refused(problem) => write!(f, "{file} {problem}"),
            Remark::Kept(problem) => {
                write!(f, "{file} {problem}; what was good before stays in use")
            }
            Remark::Lapsed(problem) => write!(f, "{file} {problem}; nobody is taken by it"),
            Remark::LeftOut(problem) => {
                write!(f, "{file} {problem}; it is left out, and others beside it are used")
            }
            Remark::ExpiresIn(0) => write!(f, "{file} expires in less than a day, or has expired"),
            Remark::ExpiresIn(1) => write!(f, "{file} expires in a day"),
            Remark::ExpiresIn(days) => write!(f, "{file} expires in {days} days"),
            Remark::Sorted => write!(f, "{file} is not in order"),
            Remark::Open => write!(f, "{file} may be read by everybody on this machine"),
            Remark::KeyOpen => {
                write!(f, "{file} has a private key that everybody on this machine may read")
            }
        }
    }
}

/// A moment in UTC, as in `2026-11-22 08:33 UTC`.
pub fn date(at: SystemTime) -> String {
    let seconds = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
    };
    let time = seconds.and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    let Some(time) = time.map(|time| time.to_datetime()) else {
        return "a time beyond all calendars".to_owned();
    };
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", time.hour(), time.minute())
}

const FOREIGN_LIST_HELP: &str = "lists have to be of the CAs in `client_ca`; those of CAs between these and clients belong into the same file";

const UNLISTED_HELP: &str = "add its list to `client_crl`: without one nobody knows what it has revoked, so its clients are refused";

const ENCRYPTED_KEY_HELP: &str = "nobody is there to type a password when it starts: `openssl pkey -in FILE -out FILE.key` decrypts it; keep that file readable for evenkeel alone";

const OUTDATED_HELP: &str = "fetch the current one, and look at what should have: until then clients of its authority are refused";

const LIBRARY_HELP: &str =
    "it is tried again; if that does not help, this is a mistake of evenkeel: please report it";
