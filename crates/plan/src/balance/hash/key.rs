//! What tells requests apart: where the key of a request comes from. Asked by the hashing algorithms before they look it up.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use evenkeel_proto::cookie;
use evenkeel_proto::field::is_token;
use evenkeel_proto::head::RequestHead;

use super::stable::hash;
use crate::route::{HOST_BYTES_MAX, bare_host, lower_case};

/// The sources of a key: the first that a request has anything of counts. The client's address unless it is said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashKey {
    sources: Box<[KeySource]>,
}

/// One thing that tells requests apart. Nothing empty counts as a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The client's address; of IPv6 the first 64 bits, as a client may have all addresses of such a network and change them
    /// (RFC 8981). An IPv4 address within IPv6 is that address.
    Client,
    /// The host that was asked for, in lower case, without the port and without the dot of the root. Longer ones than
    /// [`HOST_BYTES_MAX`] are none.
    Host,
    /// The path, without the query; every request has one.
    Path,
    /// The first value of that field that is not empty. In lower case.
    Header(Box<str>),
    /// The first value of that cookie that is not empty, quotes included.
    Cookie(Box<str>),
    /// The first value of that parameter of the query that is not empty. Percent-encoding is not undone, neither in the name
    /// nor in the value: `%41` is another key than `A`.
    Query(Box<str>),
}

impl HashKey {
    /// A key from these sources.
    pub fn new(sources: impl Into<Box<[KeySource]>>) -> Self {
        Self { sources: sources.into() }
    }

    /// In the order in which they are asked.
    pub fn sources(&self) -> &[KeySource] {
        &self.sources
    }

    /// The hash of the request's key; `None` if no source has anything. `client` is the client's address as far as it can be
    /// believed, so behind trusted proxies not that of the connection. Allocates nothing.
    pub fn hash(&self, head: &RequestHead, client: IpAddr) -> Option<u64> {
        self.sources.iter().find_map(|source| source.hash(head, client))
    }
}

impl Default for HashKey {
    fn default() -> Self {
        Self::new([KeySource::Client])
    }
}

impl KeySource {
    fn hash(&self, head: &RequestHead, client: IpAddr) -> Option<u64> {
        self.look(head, client, hash)
    }

    /// What `read` makes of what the request has of this source; `None` if that is nothing.
    pub(crate) fn look<T>(
        &self,
        head: &RequestHead,
        client: IpAddr,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        match self {
            Self::Client => Some(look_at_address(client, read)),
            Self::Host => look_at_host(head.authority()?, read),
            Self::Path => Some(read(path_and_query(head).0)),
            Self::Header(name) => first_filled(
                head.fields
                    .iter()
                    .filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))
                    .map(|field| field.value),
            )
            .map(read),
            Self::Cookie(name) => {
                first_filled(cookie::values(&head.fields, name.as_bytes())).map(read)
            }
            Self::Query(name) => {
                first_filled(parameters(path_and_query(head).1, name.as_bytes())).map(read)
            }
        }
    }
}

/// The hash of a client's address; of IPv6 the first 64 bits, which are what a client has.
pub fn hash_address(client: IpAddr) -> u64 {
    look_at_address(client, hash)
}

fn look_at_address<T>(client: IpAddr, read: impl FnOnce(&[u8]) -> T) -> T {
    match client.to_canonical() {
        IpAddr::V4(address) => read(&address.octets()),
        IpAddr::V6(address) => read(&address.octets()[..8]),
    }
}

fn look_at_host<T>(authority: &[u8], read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut room = [0; HOST_BYTES_MAX];
    let host = lower_case(bare_host(authority), &mut room)?;
    (!host.is_empty()).then(|| read(host))
}

fn first_filled<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    values.find(|value| !value.is_empty())
}

/// The query is empty if there is none.
fn path_and_query(head: &RequestHead) -> (&[u8], &[u8]) {
    let target = head.path();
    match target.iter().position(|&byte| byte == b'?') {
        Some(mark) => (&target[..mark], &target[mark + 1..]),
        None => (target, &[]),
    }
}

/// The values of all parameters called `name`, in order.
fn parameters<'a>(query: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    query
        .split(|&byte| byte == b'&')
        .filter_map(move |parameter| parameter.strip_prefix(name)?.strip_prefix(b"="))
}

impl FromStr for KeySource {
    type Err = KeySourceError;

    /// Reads what the config says, such as `client` or `header:x-user-id`.
    fn from_str(text: &str) -> Result<Self, KeySourceError> {
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) => (kind, Some(name)),
            None => (text, None),
        };
        match (kind, name) {
            ("client", None) => Ok(Self::Client),
            ("host", None) => Ok(Self::Host),
            ("path", None) => Ok(Self::Path),
            ("header" | "cookie" | "query", None | Some("")) => {
                Err(KeySourceError::NoName { kind: kind.into() })
            }
            ("header", Some(name)) if is_token(name.as_bytes()) => {
                Ok(Self::Header(name.to_ascii_lowercase().into()))
            }
            ("cookie", Some(name)) if is_token(name.as_bytes()) => Ok(Self::Cookie(name.into())),
            ("query", Some(name)) if is_parameter_name(name) => Ok(Self::Query(name.into())),
            ("header" | "cookie" | "query", Some(name)) => {
                Err(KeySourceError::BadName { kind: kind.into(), name: name.into() })
            }
            _ => Err(KeySourceError::Unknown { text: text.into() }),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Host => f.write_str("host"),
            Self::Path => f.write_str("path"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}

/// Whether a query can have a parameter of that name: what is visible, but nothing that would end the name or the query.
fn is_parameter_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic() && !b"&=#".contains(&byte))
}

/// Why a text names no source of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySourceError {
    /// There is no such source.
    Unknown {
        /// What was written.
        text: Box<str>,
    },
    /// The source needs a name after a colon.
    NoName {
        /// `header`, `cookie` or `query`.
        kind: Box<str>,
    },
    /// No header, cookie or parameter can have that name.
    BadName {
        /// `header`, `cookie` or `query`.
        kind: Box<str>,
        /// What was written after the colon.
        name: Box<str>,
    },
}

impl fmt::Display for KeySourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { text } => write!(
                f,
                "`{text}` is no source of a key; write `client`, `host`, `path`, `header:NAME`, `cookie:NAME` or `query:NAME`"
            ),
            Self::NoName { kind } => write!(f, "`{kind}` needs a name, as in `{kind}:id`"),
            Self::BadName { kind, name } => write!(f, "`{name}` cannot be the name in `{kind}:`"),
        }
    }
}

impl Error for KeySourceError {}

/// How many sources a config may name: each is looked for in every request.
pub const SOURCES_MAX: usize = 8;

#[cfg(test)]
mod tests;
