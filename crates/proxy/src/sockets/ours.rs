//! Where sockets of ours listen, and whether another one would get in their way. Kept by [`super::Sockets`].

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use evenkeel_plan::listener::Bind;

/// The addresses of our own sockets, by port. The kernel lets another one of ours listen on the same only if both share it; but
/// then it lets strangers in as well, so nothing is shared without need.
#[derive(Debug, Default)]
pub(super) struct Ours(HashMap<u16, Vec<IpAddr>>);

impl Ours {
    pub(super) fn of<'b>(binds: impl Iterator<Item = &'b Bind>) -> Self {
        let mut ours = Self::default();
        binds.for_each(|bind| ours.add(bind));
        ours
    }

    pub(super) fn add(&mut self, bind: &Bind) {
        if let Some((port, address)) = place(bind) {
            self.0.entry(port).or_default().push(address);
        }
    }

    /// Whether one of ours is in the way of a socket at `bind`.
    pub(super) fn overlap(&self, bind: &Bind) -> bool {
        let Some((port, address)) = place(bind) else { return false };
        let there = self.0.get(&port).into_iter().flatten();
        there.copied().any(|other| covers(other, address) || covers(address, other))
    }
}

/// The port and the address of a socket, unless somebody else has opened it, or the system chooses the port.
fn place(bind: &Bind) -> Option<(u16, IpAddr)> {
    match bind {
        Bind::Any(port) => Some((*port, Ipv6Addr::UNSPECIFIED.into())),
        Bind::Only(address) => Some((address.port(), address.ip().to_canonical())),
        Bind::Inherited(_) => None,
    }
    .filter(|(port, _)| *port != 0)
}

/// Whether a socket at `wide` gets all that is meant for `narrow`. One at `[::]` is for IPv4, too.
fn covers(wide: IpAddr, narrow: IpAddr) -> bool {
    wide == narrow || wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_ours_is_in_the_way_only_where_both_would_get_the_same() {
        let only = |address: &str| Bind::Only(address.parse().unwrap());
        let overlap = |one: &Bind, other: &Bind| Ours::of([one].into_iter()).overlap(other);
        for (one, other, expected) in [
            (only("127.0.0.1:80"), only("127.0.0.1:80"), true),
            (only("127.0.0.1:80"), only("127.0.0.1:81"), false),
            (only("127.0.0.1:80"), only("127.0.0.2:80"), false),
            (only("0.0.0.0:80"), only("127.0.0.2:80"), true),
            (only("0.0.0.0:80"), only("[::1]:80"), false),
            (only("0.0.0.0:80"), only("[::]:80"), true),
            (Bind::Any(80), only("[::1]:80"), true),
            (Bind::Any(80), only("127.0.0.1:80"), true),
            (Bind::Any(80), only("127.0.0.1:81"), false),
            (Bind::Any(80), Bind::Inherited("web".into()), false),
            (Bind::Any(0), Bind::Any(0), false),
        ] {
            assert_eq!(overlap(&one, &other), expected, "{one} {other}");
            assert_eq!(overlap(&other, &one), expected, "{other} {one}");
        }
    }
}
