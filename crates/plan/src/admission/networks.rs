//! Networks that are let in, and networks that are kept out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// Who is let in: whoever is in none of `deny`, and in one of `allow` if there are any. An IPv4 client of a dual-stack socket
/// counts as IPv4. Thousands of networks are searched as fast as a few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    allow: Ranges,
    deny: Ranges,
}

impl Networks {
    /// Lets in `allow`, or everybody if that is empty, without `deny`.
    pub fn new(allow: &[IpNet], deny: &[IpNet]) -> Self {
        Self { allow: Ranges::of(allow), deny: Ranges::of(deny) }
    }

    /// Whether anybody is kept out.
    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether `client` is let in.
    pub fn admit(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        (self.allow.is_empty() || self.allow.contain(client)) && !self.deny.contain(client)
    }
}

/// Networks as ranges of addresses, from first to last: in order, and apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges {
    v4: Box<[(Ipv4Addr, Ipv4Addr)]>,
    v6: Box<[(Ipv6Addr, Ipv6Addr)]>,
}

impl Ranges {
    fn of(networks: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks.iter().copied().map(canonical) {
            match network {
                IpNet::V4(network) => v4.push((network.network(), network.broadcast())),
                IpNet::V6(network) => v6.push((network.network(), network.broadcast())),
            }
        }
        Self { v4: in_order(v4), v6: in_order(v6) }
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    fn contain(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => contain(&self.v4, address),
            IpAddr::V6(address) => contain(&self.v6, address),
        }
    }
}

/// A network within `::ffff:0:0/96` is one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let mapped = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    mapped.map_or(network, IpNet::V4)
}

fn in_order<A: Ord + Copy>(mut ranges: Vec<(A, A)>) -> Box<[(A, A)]> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, range| {
        let overlap = next.0 <= range.1;
        if overlap {
            range.1 = range.1.max(next.1);
        }
        overlap
    });
    ranges.into()
}

fn contain<A: Ord + Copy>(ranges: &[(A, A)], address: A) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn deny_wins_and_a_list_of_who_may_keeps_all_others_out() {
        let (all, none): (&[&str], &[&str]) = (&[], &[]);
        for (allow, deny, client, expected) in [
            (all, none, "192.0.2.1", true),
            (all, &["192.0.2.0/24"][..], "192.0.2.1", false),
            (all, &["192.0.2.0/24"], "192.0.3.1", true),
            (all, &["192.0.2.0/24"], "::ffff:192.0.2.1", false),
            (all, &["::ffff:192.0.2.0/120"], "192.0.2.1", false),
            (all, &["0.0.0.0/0"], "2001:db8::1", true),
            (&["10.0.0.0/8"], none, "10.255.255.255", true),
            (&["10.0.0.0/8"], none, "11.0.0.0", false),
            (&["10.0.0.0/8"], none, "2001:db8::1", false),
            (&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.2.3", false),
            (&["10.0.0.0/8"], &["10.1.0.0/16"], "10.2.2.3", true),
            (&["10.1.0.0/16"], &["10.0.0.0/8"], "10.1.2.3", false),
            (&["2001:db8::/32"], none, "2001:db8:ffff::1", true),
            (&["::/0"], none, "192.0.2.1", false),
        ] {
            let rules = Networks::new(&networks(allow), &networks(deny));
            let client: IpAddr = client.parse().unwrap();
            assert_eq!(rules.admit(client), expected, "{client} {allow:?} {deny:?}");
        }
    }

    proptest! {
        #[test]
        fn ranges_contain_what_one_of_their_networks_does(
            nets in prop::collection::vec((any::<u32>(), 0_u8..=32), 0..40),
            addresses in prop::collection::vec(any::<u32>(), 50),
        ) {
            let nets = nets.into_iter();
            let nets: Vec<IpNet> = nets
                .map(|(bits, length)| IpNet::new(Ipv4Addr::from_bits(bits).into(), length).unwrap())
                .collect();
            let ranges = Ranges::of(&nets);
            let edges = nets.iter().flat_map(|net| [net.network(), net.broadcast()]);
            let drawn = addresses.into_iter().map(|bits| Ipv4Addr::from_bits(bits).into());
            for address in drawn.chain(edges) {
                let expected = nets.iter().any(|net| net.contains(&address));
                prop_assert_eq!(ranges.contain(address), expected, "{}", address);
            }
        }
    }
}
