//! The paths of all hosts, such that the longest that covers a request's is found without going through them. `router` asks.

use super::table::{Entry, Owner, Table};
use super::{PathPattern, Route};

/// Routes by host and path; a host is a number, a route is a position in the router's list.
#[derive(Debug)]
pub(super) struct Paths {
    exact: Table,
    /// By the path that all below it begin with.
    below: Table,
    hosts: Box<[Host]>,
}

/// What there is for one host: nothing else need be looked for.
#[derive(Clone, Debug, Default)]
struct Host {
    any: Option<u32>,
    has_exact: bool,
    /// The lengths of the shortest and the longest key of `below`, in bytes.
    below: Option<(u16, u16)>,
}

impl Paths {
    /// Of routes with the same host and pattern the first counts. `hosts` has the host of each route, numbered below `count`;
    /// a route without one is never taken.
    pub(super) fn new(routes: &[Route], hosts: &[Option<Owner>], count: usize) -> Self {
        let (mut exact, mut below) = (Vec::new(), Vec::new());
        let mut all = vec![Host::default(); count];
        for ((position, route), owner) in (0..).zip(routes).zip(hosts) {
            let Some(owner) = *owner else { continue };
            let Some(host) = all.get_mut(owner.number as usize) else { continue };
            match &route.path {
                PathPattern::Any => _ = host.any.get_or_insert(position),
                PathPattern::Exact(path) => {
                    host.has_exact = true;
                    exact.push((owner, &**path, position));
                }
                PathPattern::Below(parent) => {
                    host.extend(parent.len());
                    below.push((owner, &**parent, position));
                }
            }
        }
        let table = |entries: Vec<Entry<'_>>| Table::new(&entries);
        Self { exact: table(exact), below: table(below), hosts: all.into() }
    }

    /// The route of `host` for any path.
    pub(super) fn any(&self, host: Owner) -> Option<u32> {
        self.hosts.get(host.number as usize)?.any
    }

    /// The most specific route of `host` that covers `path`.
    pub(super) fn find(&self, host: Owner, path: &[u8]) -> Option<u32> {
        let known = self.hosts.get(host.number as usize)?;
        let exact = if known.has_exact { self.exact.find(host, path) } else { None };
        let bounds = || known.below.map(|(shortest, longest)| (shortest.into(), longest.into()));
        exact.or_else(|| self.find_below(host, path, bounds()?)).or(known.any)
    }

    /// The route whose parent is the longest. There are as many to try as `path` has segments, up to the longest that there is.
    fn find_below(&self, host: Owner, path: &[u8], bounds: (usize, usize)) -> Option<u32> {
        let (shortest, longest) = bounds;
        let mut end = path.len();
        while end >= shortest {
            if end <= longest
                && let Some(route) = self.below.find(host, &path[..end])
            {
                return Some(route);
            }
            let reach = end.min(longest + 1);
            end = path[..reach].iter().rposition(|&byte| byte == b'/')?;
        }
        None
    }
}

impl Host {
    fn extend(&mut self, length: usize) {
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        let (shortest, longest) = self.below.unwrap_or((length, length));
        self.below = Some((shortest.min(length), longest.max(length)));
    }
}
