//! TLS with endpoints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::cluster::HttpVersion;
use crate::time::Time;

/// How the endpoints of a cluster are spoken TLS with. The next plan has the same one where the config says nothing else about it:
/// connections made by another one are not used any more.
#[derive(Debug)]
pub struct Origination {
    /// What handshakes follow. Outlives the plan: if files behind it have changed, other ones are put in here, and nothing is published.
    configs: ArcSwap<Configs>,
    /// How often that was done.
    edition: AtomicU64,
    /// Whom an endpoint has to prove to be; `None` for the host that the config names it by.
    server_name: Option<ServerName<'static>>,
    /// Of which endpoints it was told that they have failed, and when last.
    told: Mutex<BTreeMap<Box<str>, Time>>,
}

/// What handshakes follow. All remember the same sessions.
#[derive(Debug)]
struct Configs {
    for_requests: Arc<ClientConfig>,
    /// The same, but offering HTTP/1.1 alone.
    for_http1: Arc<ClientConfig>,
    /// The same, but for the protocols that are offered: what is in a stream is not for us to know, and databases refuse what they do not
    /// speak (RFC 7301 §3.2).
    for_streams: Arc<ClientConfig>,
}

impl Origination {
    /// One whose handshakes follow `config`.
    pub fn new(config: Arc<ClientConfig>, server_name: Option<ServerName<'static>>) -> Self {
        let configs = ArcSwap::from_pointee(Configs::new(config));
        Self { configs, edition: AtomicU64::new(0), server_name, told: Mutex::default() }
    }

    /// What a handshake that begins now follows, before requests.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.configs.load().for_requests)
    }

    /// The same before requests that want a connection of HTTP/1.1, whatever else the endpoint speaks.
    pub fn http1_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.configs.load().for_http1)
    }

    /// The same before anything else: no protocol is offered by ALPN.
    pub fn stream_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.configs.load().for_streams)
    }

    /// Another number for each [`Self::replace`]. To be asked for before the config: what is replaced in between is taken for older than it
    /// is, and never for newer.
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// From now on handshakes follow this one. What was begun with another one goes on to its end, and is not to be used again: an authority
    /// that is believed no more may have spoken for it.
    pub fn replace(&self, config: Arc<ClientConfig>) {
        self.configs.store(Arc::new(Configs::new(config)));
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// Whom the endpoint that the config calls so has to prove to be; `None` if that can be nobody's name.
    pub fn name_of(&self, endpoint: &str) -> Option<ServerName<'static>> {
        self.server_name.clone().or_else(|| Self::host_name(endpoint))
    }

    /// The host of `host:port`, as somebody who proves who they are; `None` if it cannot be.
    pub fn host_name(endpoint: &str) -> Option<ServerName<'static>> {
        if let Ok(address) = endpoint.parse::<SocketAddr>() {
            return Some(ServerName::from(address.ip()));
        }
        let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
        // The dot of the root is written by some, and no certificate has it.
        let host = host.strip_suffix('.').unwrap_or(host);
        ServerName::try_from(host.to_owned()).ok()
    }

    /// Whether the log is to be told that there was no handshake with this endpoint: not of every request, but as long as it goes on.
    pub fn is_news(&self, endpoint: &str, now: Time) -> bool {
        // A panic elsewhere must not silence us.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(endpoint).is_some_and(|last| now.since(*last) < TELL_EVERY) {
            return false;
        }
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(endpoint.into(), now);
        true
    }
}

impl Configs {
    fn new(for_requests: Arc<ClientConfig>) -> Self {
        let offering = |protocols: &[&[u8]]| {
            let mut config = ClientConfig::clone(&for_requests);
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(config)
        };
        let for_http1 = offering(HttpVersion::Http1.protocols());
        Self { for_http1, for_streams: offering(&[]), for_requests }
    }
}

impl PartialEq for Origination {
    /// Whether it is this very one.
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

/// Often enough for whoever looks at the log to see that it goes on.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Endpoints that are gone are not taken out.
const TOLD_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::crypto::aws_lc_rs::default_provider;

    use super::*;

    #[test]
    fn an_endpoint_proves_to_be_the_host_that_the_config_names_it_by() {
        for (endpoint, expected) in [
            ("api.internal:8443", Some("api.internal")),
            ("api.internal.:8443", Some("api.internal")),
            ("api.internal", Some("api.internal")),
            ("10.0.0.1:8443", Some("10.0.0.1")),
            ("[::1]:8443", Some("::1")),
            ("a b:8443", None),
            (":8443", None),
        ] {
            let name = Origination::host_name(endpoint).map(|name| name.to_str().into_owned());
            assert_eq!(name.as_deref(), expected, "{endpoint}");
        }
    }

    #[test]
    fn a_failure_that_goes_on_is_told_once_a_minute_for_each_endpoint() {
        let provider = Arc::new(default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let origination = Origination::new(Arc::new(config), None);
        let at = |seconds| Time::START.after(Duration::from_secs(seconds));
        for (endpoint, seconds, is_news) in [
            ("a:1", 0, true),
            ("a:1", 0, false),
            ("b:1", 1, true),
            ("a:1", 59, false),
            ("a:1", 60, true),
            ("b:1", 60, false),
            ("a:1", 119, false),
        ] {
            let said = origination.is_news(endpoint, at(seconds));
            assert_eq!(said, is_news, "{endpoint} {seconds}");
        }
    }
}
