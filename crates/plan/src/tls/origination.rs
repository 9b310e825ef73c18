//! TLS with endpoints.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// How the endpoints of a cluster are spoken TLS with. The next plan has the same one where nothing about it changes: connections made by
/// another one are not used any more.
#[derive(Clone, Debug)]
pub struct Origination {
    /// What a handshake follows. Remembers sessions.
    pub config: Arc<ClientConfig>,
    /// Whom an endpoint has to prove to be; `None` for the host that the config names it by.
    pub server_name: Option<ServerName<'static>>,
}

impl Origination {
    /// Whom the endpoint that the config calls so has to prove to be; `None` if that can be nobody's name.
    pub fn name_of(&self, endpoint: &str) -> Option<ServerName<'static>> {
        self.server_name.clone().or_else(|| host_name(endpoint))
    }
}

/// The host of `host:port`, as somebody who proves who they are; `None` if it cannot be.
fn host_name(endpoint: &str) -> Option<ServerName<'static>> {
    if let Ok(address) = endpoint.parse::<SocketAddr>() {
        return Some(ServerName::from(address.ip()));
    }
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    ServerName::try_from(host.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_proves_to_be_the_host_that_the_config_names_it_by() {
        for (endpoint, expected) in [
            ("api.internal:8443", Some("api.internal")),
            ("api.internal", Some("api.internal")),
            ("10.0.0.1:8443", Some("10.0.0.1")),
            ("[::1]:8443", Some("::1")),
            ("a b:8443", None),
            (":8443", None),
        ] {
            let name = host_name(endpoint).map(|name| name.to_str().into_owned());
            assert_eq!(name.as_deref(), expected, "{endpoint}");
        }
    }
}
