//! Whose requests are counted together: the key that a limit makes of a request. Asked by the limits.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::IpAddr;

use evenkeel_proto::head::RequestHead;

use crate::balance::hash::KeySource;

/// What tells requests apart for a limit: all of the sources together. Other than in [`crate::balance::hash::HashKey`], where the
/// first counts that a request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateKey {
    /// For a source that the request has nothing of, the client's network stands in: nobody gets out of a limit by leaving
    /// something out.
    pub sources: Box<[KeySource]>,
    /// What a client's network is.
    pub prefixes: Prefixes,
}

impl Default for RateKey {
    fn default() -> Self {
        Self { sources: [KeySource::Client].into(), prefixes: Prefixes::default() }
    }
}

impl RateKey {
    /// The hash of a request's key. `secret` makes it one that no client can aim at. `client` is the client's address as far as it
    /// can be believed. Allocates nothing.
    pub fn hash(&self, secret: &RandomState, head: &RequestHead, client: IpAddr) -> u64 {
        let mut hasher = secret.build_hasher();
        for source in &self.sources {
            let own = match source {
                KeySource::Client => None,
                source => source.look(head, client, |bytes| {
                    // The length keeps what follows apart.
                    hasher.write_usize(bytes.len());
                    hasher.write(bytes);
                }),
            };
            if own.is_none() {
                hasher.write_usize(usize::MAX);
                hasher.write(&self.prefixes.cut(client));
            }
        }
        hasher.finish()
    }
}

/// How much of a client's address says who it is: so many bits of it, the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of an IPv4 address, and of one within IPv6; 0 to 32.
    pub v4: u8,
    /// Of an IPv6 address; 0 to 128.
    pub v6: u8,
}

impl Default for Prefixes {
    /// A single IPv4 address; of IPv6 the 64 bits of a network, all of whose addresses a client may have (RFC 8981).
    fn default() -> Self {
        Self { v4: 32, v6: 64 }
    }
}

impl Prefixes {
    /// The network of a client, as an IPv6 address.
    pub fn cut(self, client: IpAddr) -> [u8; 16] {
        let (address, kept) = match client.to_canonical() {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), 96 + self.v4.min(32)),
            IpAddr::V6(v6) => (v6, self.v6.min(128)),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(kept)).unwrap_or(0);
        (address.to_bits() & mask).to_be_bytes()
    }

    /// The hash of a client's network, by `secret`.
    pub fn hash(self, secret: &RandomState, client: IpAddr) -> u64 {
        secret.hash_one(self.cut(client))
    }
}
