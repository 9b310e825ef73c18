//! Routes, compiled so that ten thousand are searched as fast as one: by host in hash tables, and then by path.

use std::collections::HashSet;

use evenkeel_proto::head::RequestHead;
use evenkeel_proto::tls::{Alert, ClientHello};

use super::paths::Paths;
use super::table::{Owner, Table};
use super::{HostPattern, PathPattern, Route};

/// The routes of one listener. The most specific wins: an exact host before the longest wildcard before any host; and for the
/// host, an exact path before the longest parent before any path. If a host has no route for the path, less specific ones may.
///
/// Streams of TLS have protocols in place of a path: for the host, the one that the client likes best of those that have a route, before the
/// route for any.
#[derive(Debug)]
pub struct Router {
    routes: Box<[Route]>,
    /// The numbers of hosts.
    exact: Table,
    /// The same, by the name that the wildcard stands before.
    below: Table,
    paths: Paths,
    /// By host and protocol.
    protocols: Table,
    /// The length of the longest key of `below`, in bytes: no longer name need be looked for.
    longest: usize,
    /// Whether a route is for any host.
    has_any_host: bool,
    /// Whether there is one route, for everything: then nothing is looked at.
    is_trivial: bool,
}

impl Router {
    /// Compiles `routes`. Of those that have the same patterns the first counts; a config like that is refused.
    pub fn new(routes: Vec<Route>) -> Self {
        let is_trivial = matches!(
            routes.as_slice(),
            [Route { host: HostPattern::Any, path: PathPattern::Any, alpn, .. }] if alpn.is_empty()
        );
        let mut seen = HashSet::new();
        let (mut exact, mut below, mut longest) = (Vec::new(), Vec::new(), 0);
        for (number, host) in (1..).zip(routes.iter().map(|route| &route.host)) {
            if !seen.insert(host) {
                continue;
            }
            match host {
                HostPattern::Any => {}
                HostPattern::Exact(host) => exact.push((Owner::NOBODY, &**host, number)),
                HostPattern::Below(parent) => {
                    longest = longest.max(parent.len());
                    below.push((Owner::NOBODY, &**parent, number));
                }
            }
        }
        let (exact, below) = (Table::new(&exact), Table::new(&below));
        let owner = |route: &Route| match &route.host {
            HostPattern::Any => Some(ANY_HOST),
            HostPattern::Exact(host) => exact.find_owner(host.as_bytes()),
            HostPattern::Below(parent) => below.find_owner(parent.as_bytes()),
        };
        let owners: Vec<Option<Owner>> = routes.iter().map(owner).collect();
        let of_any_protocol =
            |(route, owner): (&Route, &Option<Owner>)| owner.filter(|_| route.alpn.is_empty());
        let hosts: Vec<Option<Owner>> = routes.iter().zip(&owners).map(of_any_protocol).collect();
        let paths = Paths::new(&routes, &hosts, routes.len() + 1);
        let offered = (0..).zip(&routes).zip(owners).flat_map(|((position, route), owner)| {
            route.alpn.iter().filter_map(move |protocol| Some((owner?, &**protocol, position)))
        });
        let protocols = Table::new(&offered.collect::<Vec<_>>());
        let has_any_host = routes.iter().any(|route| route.host == HostPattern::Any);
        let routes = routes.into();
        Self { routes, exact, below, paths, protocols, longest, has_any_host, is_trivial }
    }

    /// In the order of the config; the listener's own, which takes what is left, is the last.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of everything, which takes what no other one does.
    pub fn fallback(&self) -> Option<&Route> {
        self.paths.any(ANY_HOST).and_then(|position| self.routes.get(position as usize))
    }

    /// The route for a request whose path is in normal form.
    pub fn route(&self, head: &RequestHead) -> Option<&Route> {
        if self.is_trivial {
            return self.routes.first();
        }
        let target = head.path();
        let end = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
        self.find(head.authority(), &target[..end])
    }

    /// The route for `path` at `authority`, which is a host, perhaps with a port. Allocates nothing.
    pub fn find(&self, authority: Option<&[u8]>, path: &[u8]) -> Option<&Route> {
        let mut room = [0; HOST_BYTES_MAX];
        let host = authority.filter(|_| !self.is_by_path_only());
        let host = host.and_then(|authority| lower_case(bare_host(authority), &mut room));
        self.routes.get(self.search(host, |host| self.paths.find(host, path))? as usize)
    }

    /// The route for a stream of TLS.
    ///
    /// # Errors
    /// What its client is told, if there is none.
    pub fn route_stream(&self, hello: &ClientHello) -> Result<&Route, Alert> {
        let name = hello.server_name.as_deref().map(str::as_bytes);
        let found = self.search(name, |host| {
            let mut offered = hello.protocols();
            let found = offered.find_map(|protocol| self.protocols.find(host, protocol));
            found.or_else(|| self.paths.any(host))
        });
        let route = found.and_then(|position| self.routes.get(position as usize));
        route.ok_or_else(|| match name {
            // RFC 7301 §3.2: it is one of ours, and speaks something else.
            _ if self.has_any_host => Alert::NoApplicationProtocol,
            Some(name) if self.search_at(name, &|_| Some(0)).is_some() => {
                Alert::NoApplicationProtocol
            }
            Some(_) => Alert::UnrecognizedName,
            None => Alert::MissingExtension,
        })
    }

    fn is_by_path_only(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// What `of` finds for the most specific host that has it.
    fn search(&self, host: Option<&[u8]>, of: impl Fn(Owner) -> Option<u32>) -> Option<u32> {
        let found = host.and_then(|host| self.search_at(host, &of));
        found.or_else(|| of(ANY_HOST))
    }

    fn search_at(&self, host: &[u8], of: &impl Fn(Owner) -> Option<u32>) -> Option<u32> {
        self.exact.find_owner(host).and_then(of).or_else(|| self.search_below(host, of))
    }

    /// What is found for the longest wildcard. There are as many to try as `host` has labels.
    fn search_below(&self, host: &[u8], of: &impl Fn(Owner) -> Option<u32>) -> Option<u32> {
        if self.below.is_empty() {
            return None;
        }
        // A wildcard stands for at least one byte and the dot behind it.
        let mut start = 1.max(host.len().saturating_sub(self.longest + 1));
        while let Some(dot) = host.get(start..)?.iter().position(|&byte| byte == b'.') {
            start += dot + 1;
            let parent = self.below.find_owner(&host[start..]);
            let found = parent.and_then(of);
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// `authority` without its port and without the dot of the root (RFC 3986 §3.2.2).
pub(crate) fn bare_host(authority: &[u8]) -> &[u8] {
    let end = match authority {
        [b'[', ..] => authority.iter().position(|&byte| byte == b']').map(|end| end + 1),
        _ => authority.iter().position(|&byte| byte == b':'),
    };
    let host = &authority[..end.unwrap_or(authority.len())];
    host.strip_suffix(b".").unwrap_or(host)
}

/// `host` in lower case, in `room`; `None` if it is too long to be one.
pub(crate) fn lower_case<'a>(host: &[u8], room: &'a mut [u8; HOST_BYTES_MAX]) -> Option<&'a [u8]> {
    let room = room.get_mut(..host.len())?;
    room.copy_from_slice(host);
    room.make_ascii_lowercase();
    Some(room)
}

/// The number of the host that is any.
const ANY_HOST: Owner = Owner::NOBODY;

/// RFC 1035 §2.3.4 allows 255 bytes with those that stand for the labels' lengths, which is 253 of text. Longer ones are no
/// host of any route.
pub const HOST_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests;
