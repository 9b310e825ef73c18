//! TLS as the plan has it: what a listener shows its clients, and what is asked of endpoints. Built by `control`, followed by `proxy` for
//! each handshake.
//!
//! The configuration of the TLS library itself is part of the plan, as a thing that is only handed on: no other crate knows both `control`,
//! which makes it, and `proxy`, which uses it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;

mod certificates;
mod challenges;
mod handshake;
mod names;
mod objection;
mod origination;
mod trouble;

pub use certificates::{Certificate, Certificates};
pub use challenges::{Challenges, Pending};
pub use handshake::Handshake;
pub use names::Names;
pub use objection::{Objection, Told};
pub use origination::Origination;
pub use trouble::{WORDS_BYTES_MAX, trouble};

/// How a listener speaks TLS with its clients.
#[derive(Clone, Debug)]
pub struct Termination {
    /// What handshakes follow. They choose among `certificates`. Outlives the plan, as these do.
    pub terms: Arc<dyn Terms>,
    /// What the handshake of an authority follows that asks whether a name is ours (RFC 8737).
    pub challenge: Arc<ServerConfig>,
    /// What the listener proves itself by. Outlives the plan: a certificate that has changed is put in here, and nothing is published.
    pub certificates: Arc<Certificates>,
}

/// What the handshakes of a listener follow: versions, who is asked for a certificate, and whose tickets are taken. Made by `control`, and
/// changed when files have.
pub trait Terms: fmt::Debug + Send + Sync {
    /// What the next handshake follows, and no other one does: what it learns of a ticket is known when it makes the next.
    fn config(&self) -> Arc<ServerConfig>;

    /// What tells how clients prove who they are, and who is believed, from how it was before: another number for anything else.
    fn edition(&self) -> u64;

    /// What somebody was told of clients that were refused.
    fn told(&self) -> &Told;
}

impl Termination {
    /// What a handshake follows with a client that would speak `protocols`. Who asks whether a name is ours speaks of nothing else
    /// (RFC 8737 §3), is shown nothing else, and is not asked who it is.
    pub fn config_for<'a>(
        &self,
        protocols: impl IntoIterator<Item = &'a [u8]>,
    ) -> Arc<ServerConfig> {
        let mut protocols = protocols.into_iter();
        match (protocols.next(), protocols.next()) {
            (Some(ACME_TLS), None) => Arc::clone(&self.challenge),
            _ => self.terms.config(),
        }
    }

    /// Whether a request for `host` may come by a connection whose client asked for `server_name` when it came (RFC 9110 §7.4): the
    /// certificate that it was shown is good for both, or it asked for nobody else. An address is nobody's name in TLS (RFC 6066 §3), so
    /// whoever did not ask for a name may ask for any address.
    pub fn serves(&self, server_name: Option<&str>, host: &str) -> bool {
        // The dot of the root is written by some, and asked for by none (RFC 6066 §3).
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_same = |name: &str| name.eq_ignore_ascii_case(host);
        let is_nobodys = || server_name.is_none() && host.parse::<IpAddr>().is_ok();
        server_name.is_some_and(is_same)
            || is_nobodys()
            || self.certificates.cover(server_name, host)
    }
}

/// What is spoken by who asks whether a name is ours (RFC 8737 §6.2): nothing, once hands are shaken.
pub const ACME_TLS: &[u8] = b"acme-tls/1";
