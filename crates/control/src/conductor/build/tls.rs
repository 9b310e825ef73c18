//! TLS as the plan has it, but for the certificates, which the store hands out.

use std::sync::Arc;

use evenkeel_plan::Listener;
use evenkeel_plan::listener::Protocol;

use crate::config::{Config, HstsConfig, HttpsPort, ListenerConfig};

/// The port of `https` that a listener sends its clients to.
pub(super) fn redirect(listener: &ListenerConfig, config: &Config) -> Option<u16> {
    match listener.redirect_to_https? {
        HttpsPort::Only(port) => Some(port),
        HttpsPort::Ours => {
            let is_https = |it: &&ListenerConfig| it.protocol == Protocol::Http && it.tls.is_some();
            let mut secure = config.listeners.iter().filter(is_https);
            let only = secure.next().filter(|_| secure.next().is_none());
            let ports = only.iter().flat_map(|it| &it.binds).filter_map(|bind| bind.port());
            // Of several ports, the usual one if it is among them: its name is the shortest.
            let ports: Vec<u16> = ports.collect();
            let is_usual = ports.is_empty() || ports.contains(&HTTPS_PORT);
            Some(if is_usual { HTTPS_PORT } else { ports[0] })
        }
    }
}

/// The value of `Strict-Transport-Security` (RFC 6797 §6.1).
pub(super) fn strict_transport(hsts: &HstsConfig) -> Box<str> {
    let mut value = format!("max-age={}", hsts.max_age.as_secs());
    if hsts.include_subdomains {
        value.push_str("; includeSubDomains");
    }
    if hsts.preload {
        value.push_str("; preload");
    }
    value.into()
}

/// Whether connections of one can go on with the other.
pub(super) fn is_same(old: &Listener, new: &Listener) -> bool {
    let is_same = match (&old.tls, &new.tls) {
        (Some(old), Some(new)) => {
            Arc::ptr_eq(&old.terms, &new.terms) && Arc::ptr_eq(&old.certificates, &new.certificates)
        }
        (old, new) => old.is_none() && new.is_none(),
    };
    is_same && (old.redirect_to_https, &old.hsts) == (new.redirect_to_https, &new.hsts)
}

/// What `https` means without a port (RFC 9110 §4.2.2).
const HTTPS_PORT: u16 = 443;

#[cfg(test)]
mod tests;
