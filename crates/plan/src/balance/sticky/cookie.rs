//! The session cookie: how it is read and written (RFC 6265). Used by the sessions of a cluster.

use std::fmt::Write as _;
use std::time::Duration;

use evenkeel_proto::cookie;
use evenkeel_proto::head::RequestHead;

use super::token::Tokens;
use super::{Session, SessionKey};

/// A cookie that we set, and what it says to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionCookie {
    /// Its name, a token.
    pub name: Box<str>,
    /// For how long a session lasts after it was last heard of, within a factor of two; `None` for until the browser is closed.
    pub ttl: Option<Duration>,
    /// What it is signed with: by the first; the others are still believed. At least one.
    pub keys: Box<[SessionKey]>,
    /// `Path`.
    pub path: Box<str>,
    /// `Domain`; without it, only the host that set it gets it back.
    pub domain: Option<Box<str>>,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub http_only: bool,
    /// For how long an endpoint that is being drained keeps its sessions.
    pub drain: Duration,
}

/// Which requests from other sites carry the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Those that follow a link.
    #[default]
    Lax,
    /// None.
    Strict,
    /// All; browsers ask for `Secure` then.
    None,
}

impl SameSite {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lax, Self::Strict, Self::None];

    /// As the config has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lax => "lax",
            Self::Strict => "strict",
            Self::None => "none",
        }
    }

    const fn in_field(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

impl SessionCookie {
    /// A cookie with nothing but defaults, signed with these keys.
    pub fn new(name: &str, keys: impl Into<Box<[SessionKey]>>) -> Self {
        Self {
            name: name.into(),
            ttl: Some(TTL_DEFAULT),
            keys: keys.into(),
            path: "/".into(),
            domain: None,
            same_site: SameSite::default(),
            secure: false,
            http_only: true,
            drain: DRAIN_DEFAULT,
        }
    }

    /// The session that a request names. A browser may send several cookies of one name, set for different paths.
    pub(super) fn session(
        &self,
        head: &RequestHead,
        tokens: &Tokens,
        wall: Duration,
    ) -> Option<Session> {
        let mut values = cookie::values(&head.fields, self.name.as_bytes()).take(VALUES_MAX);
        let token = values.find_map(|value| tokens.read(value, wall))?;
        let is_late = self.ttl.is_some_and(|ttl| {
            token.expires.is_none_or(|expires| expires.saturating_sub(wall) < ttl / 2)
        });
        Some(Session::At { position: token.position, renew: is_late || !token.is_by_first_key })
    }

    /// The value of a `Set-Cookie` field.
    pub(super) fn field(&self, tokens: &Tokens, position: usize, wall: Duration) -> Option<String> {
        let expires = self.ttl.map(|ttl| wall.saturating_add(ttl));
        let token = tokens.write(position, expires)?;
        let mut field = format!("{}={token}; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            let _ = write!(field, "; Domain={domain}");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(field, "; Max-Age={}", ttl.as_secs());
        }
        let _ = write!(field, "; SameSite={}", self.same_site.in_field());
        field.push_str(if self.secure { "; Secure" } else { "" });
        field.push_str(if self.http_only { "; HttpOnly" } else { "" });
        Some(field)
    }
}

/// How long a session lasts unless it is said otherwise.
const TTL_DEFAULT: Duration = Duration::from_secs(3600);

/// How long an endpoint that is being drained keeps its sessions unless it is said otherwise.
const DRAIN_DEFAULT: Duration = Duration::from_secs(300);

/// So many cookies of one name are looked at, each of which costs a signature.
const VALUES_MAX: usize = 4;
