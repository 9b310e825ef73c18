//! TLS as the plan has it: what a listener shows its clients, and what is asked of endpoints. Built by `control`, followed by `proxy` for
//! each handshake.
//!
//! The configuration of the TLS library itself is part of the plan, as a thing that is only handed on: no other crate knows both `control`,
//! which makes it, and `proxy`, which uses it.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;

mod certificates;
mod handshake;
mod names;
mod origination;
mod trouble;

pub use certificates::{Certificate, Certificates};
pub use handshake::Handshake;
pub use names::Names;
pub use origination::Origination;
pub use trouble::{WORDS_BYTES_MAX, trouble};

/// How a listener speaks TLS with its clients.
#[derive(Clone, Debug)]
pub struct Termination {
    /// What a handshake follows. It chooses among `certificates`.
    pub config: Arc<ServerConfig>,
    /// What the listener proves itself by. Outlives the plan: a certificate that has changed is put in here, and nothing is published.
    pub certificates: Arc<Certificates>,
}

impl Termination {
    /// Whether a request for `host` may come by a connection whose client asked for `server_name` when it came (RFC 9110 §7.4): the
    /// certificate that it was shown is good for both, or it asked for nobody else. An address is nobody's name in TLS (RFC 6066 §3), so
    /// whoever did not ask for a name may ask for any address.
    pub fn serves(&self, server_name: Option<&str>, host: &str) -> bool {
        // The dot of the root is written by some, and asked for by none (RFC 6066 §3).
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_same = server_name.is_some_and(|name| name.eq_ignore_ascii_case(host));
        let is_address = host.parse::<IpAddr>().is_ok();
        is_same || is_address && server_name.is_none() || self.certificates.cover(server_name, host)
    }
}
