//! The patterns of hosts and paths. What they cover is said here; `router` finds the same without going through them.

use std::fmt;

/// Which hosts a route is for. Names are in lower case, without a port and without the dot of the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Every one, and requests that name none.
    #[default]
    Any,
    /// Exactly this one.
    Exact(Box<str>),
    /// Every name below this one, however deep, but not this one: the `example.com` of `*.example.com`.
    Below(Box<str>),
}

/// Which paths a route is for: those of requests in normal form, without their query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum PathPattern {
    /// Every one, and the `*` of OPTIONS.
    #[default]
    Any,
    /// Exactly this one.
    Exact(Box<str>),
    /// This one and every one below it, by whole segments: the `/v1` of `/v1/*`, which covers `/v1`, `/v1/` and `/v1/a`, but
    /// not `/v10`.
    Below(Box<str>),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(host) => f.write_str(host),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("/*"),
            Self::Exact(path) => f.write_str(path),
            Self::Below(parent) => write!(f, "{parent}/*"),
        }
    }
}
