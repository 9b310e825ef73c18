//! The paths of one host, such that the longest that covers a request's is found without going through them. `router` asks.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::PathPattern;

/// A map that does not care how many keys it has. Keys come from the config alone, so what clients ask for cannot make it slow.
pub(super) type Map<T> = HashMap<Box<[u8]>, T, RandomState>;

/// Routes by path; a route is a position in the router's list.
#[derive(Debug, Default)]
pub(super) struct Paths {
    exact: Map<u32>,
    below: Map<u32>,
    pub(super) any: Option<u32>,
    /// The lengths of the shortest and the longest key of `below`, in bytes: nothing else need be looked for.
    shortest: usize,
    longest: usize,
}

impl Paths {
    /// Adds a route. If there is one with the same pattern, that one stays.
    pub(super) fn insert(&mut self, pattern: &PathPattern, route: u32) {
        match pattern {
            PathPattern::Any => _ = self.any.get_or_insert(route),
            PathPattern::Exact(path) => {
                self.exact.entry(path.as_bytes().into()).or_insert(route);
            }
            PathPattern::Below(parent) => {
                let first = self.below.is_empty();
                self.shortest = if first { parent.len() } else { self.shortest.min(parent.len()) };
                self.longest = self.longest.max(parent.len());
                self.below.entry(parent.as_bytes().into()).or_insert(route);
            }
        }
    }

    /// The most specific route that covers `path`.
    pub(super) fn find(&self, path: &[u8]) -> Option<u32> {
        let exact = if self.exact.is_empty() { None } else { self.exact.get(path) };
        exact.or_else(|| self.find_below(path)).copied().or(self.any)
    }

    /// The route whose parent is the longest. There are as many to try as `path` has segments, up to the longest that there is.
    fn find_below(&self, path: &[u8]) -> Option<&u32> {
        if self.below.is_empty() {
            return None;
        }
        let mut end = path.len();
        while end >= self.shortest {
            if end <= self.longest
                && let Some(route) = self.below.get(&path[..end])
            {
                return Some(route);
            }
            let reach = end.min(self.longest + 1);
            end = path[..reach].iter().rposition(|&byte| byte == b'/')?;
        }
        None
    }
}
