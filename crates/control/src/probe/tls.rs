//! TLS with an endpoint that is checked: as the cluster speaks it, or else, for the check that wants a handshake and no more, without any
//! judgement of the certificate. Called by `probe`.

use std::io;
use std::sync::Arc;

use evenkeel_plan::health::CheckKind;
use evenkeel_plan::tls::{Origination, trouble};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Failure, Stream, Target};
use crate::certificates::unjudged;

/// A handshake that is to be made.
pub(super) struct Session {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What came of one: what is spoken over, and whether the endpoint has chosen HTTP/2.
pub(super) type Made = (TlsStream<TcpStream>, bool);

/// The handshake that comes before the check of `target`; `None` if it is made in clear text, or only connects.
///
/// # Errors
///
/// It cannot be made.
pub(super) fn session(target: &Target) -> Result<Option<Session>, Failure> {
    let wanted = match &target.check.kind {
        CheckKind::Tls { server_name } => server_name.as_deref(),
        CheckKind::Http { .. } | CheckKind::Grpc { .. } if target.tls.is_some() => None,
        _ => return Ok(None),
    };
    let wanted = wanted.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    let Some(origination) = &target.tls else {
        let config = unjudged().map_err(|error| Failure::Untried(error.to_string()))?;
        let name = wanted.unwrap_or_else(|| own_name(target));
        return Ok(Some(Session { config: whole(&config, None), name }));
    };
    let config = match target.check.kind {
        // RFC 9113 §3.2.
        CheckKind::Grpc { .. } => whole(&origination.config(), Some(vec![HTTP2.to_vec()])),
        CheckKind::Tls { .. } if target.gets_streams => whole(&origination.stream_config(), None),
        // Where nothing is said after the handshake, what requests need by ALPN has to be chosen nevertheless.
        _ => whole(&origination.config(), None),
    };
    let name = wanted.or_else(|| origination.name_of(&target.name));
    let nobody = || Failure::Unrunnable(format!("no certificate can be for `{}`", target.name));
    Ok(Some(Session { config, name: name.ok_or_else(nobody)? }))
}

/// The same without a memory of earlier sessions: every check is a whole handshake, in which the endpoint proves itself anew. For these
/// `protocols`, or else for the same.
fn whole(config: &ClientConfig, protocols: Option<Vec<Vec<u8>>>) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = protocols.unwrap_or(config.alpn_protocols);
    Arc::new(config)
}

/// Whom to ask for: the host of the endpoint. An address is not sent (RFC 6066 §3).
fn own_name(target: &Target) -> ServerName<'static> {
    let own = Origination::host_name(&target.name);
    own.unwrap_or_else(|| ServerName::IpAddress(target.address.ip().into()))
}

impl Session {
    pub(super) async fn begin(self, stream: TcpStream) -> Result<Made, Failure> {
        let needs_http2 = self.config.alpn_protocols == [HTTP2];
        let connector = TlsConnector::from(self.config);
        let stream = connector.connect(self.name, stream).await.map_err(|error| broken(&error))?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        if needs_http2 && !is_http2 {
            // It knows nothing of ALPN, or it would have refused the handshake.
            return Err(Failure::Http2("the endpoint has not chosen it by ALPN".to_owned()));
        }
        Ok((stream, is_http2))
    }
}

/// As ALPN calls it (RFC 9113 §3.2).
const HTTP2: &[u8] = b"h2";

/// Says goodbye after a handshake.
pub(super) async fn part(mut stream: impl Stream) -> Result<(), Failure> {
    // An endpoint that does not wait for our goodbye is as well as any.
    drop(stream.shutdown().await);
    Ok(())
}

/// Why nothing more can be read or written: by a word of TLS, or just so.
pub(super) fn broken(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => Failure::Tls(trouble(error)),
        None => Failure::Closed,
    }
}
