//! Routes, compiled so that ten thousand are searched as fast as one: by host in hash tables, and then by path.

use std::collections::HashSet;

use evenkeel_proto::head::RequestHead;

use super::paths::Paths;
use super::table::{Owner, Table};
use super::{HostPattern, PathPattern, Route};

/// The routes of one listener. The most specific wins: an exact host before the longest wildcard before any host; and for the
/// host, an exact path before the longest parent before any path. If a host has no route for the path, less specific ones may.
#[derive(Debug)]
pub struct Router {
    routes: Box<[Route]>,
    /// The numbers of hosts.
    exact: Table,
    /// The same, by the name that the wildcard stands before.
    below: Table,
    paths: Paths,
    /// The length of the longest key of `below`, in bytes: no longer name need be looked for.
    longest: usize,
    /// Whether there is one route, for everything: then nothing is looked at.
    is_trivial: bool,
}

impl Router {
    /// Compiles `routes`. Of those that have the same patterns the first counts; a config like that is refused.
    pub fn new(routes: Vec<Route>) -> Self {
        let is_trivial = matches!(
            routes.as_slice(),
            [Route { host: HostPattern::Any, path: PathPattern::Any, .. }]
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
        let hosts: Vec<Option<Owner>> = routes.iter().map(owner).collect();
        let paths = Paths::new(&routes, &hosts, routes.len() + 1);
        Self { routes: routes.into(), exact, below, paths, longest, is_trivial }
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
        let found = host.and_then(|host| self.find_at(host, path));
        let found = found.or_else(|| self.paths.find(ANY_HOST, path));
        self.routes.get(found? as usize)
    }

    fn is_by_path_only(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    fn find_at(&self, host: &[u8], path: &[u8]) -> Option<u32> {
        let exact = self.exact.find_owner(host).and_then(|host| self.paths.find(host, path));
        exact.or_else(|| self.find_below(host, path))
    }

    /// The route of the longest wildcard. There are as many to try as `host` has labels.
    fn find_below(&self, host: &[u8], path: &[u8]) -> Option<u32> {
        if self.below.is_empty() {
            return None;
        }
        // A wildcard stands for at least one byte and the dot behind it.
        let mut start = 1.max(host.len().saturating_sub(self.longest + 1));
        while let Some(dot) = host.get(start..)?.iter().position(|&byte| byte == b'.') {
            start += dot + 1;
            let parent = self.below.find_owner(&host[start..]);
            let found = parent.and_then(|parent| self.paths.find(parent, path));
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
