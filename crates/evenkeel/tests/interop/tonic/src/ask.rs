//! The client: calls of all four kinds on one connection.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use tonic::{Request, Status, Streaming};

use crate::raw::Raw;

#[derive(Clone)]
pub(crate) struct Calls(Channel);

impl Calls {
    /// Over TLS if there is an `authority` to trust.
    pub(crate) async fn to(
        address: &str,
        authority: Option<Certificate>,
    ) -> Result<Self, Box<dyn Error>> {
        let scheme = if authority.is_some() { "https" } else { "http" };
        let mut endpoint = Channel::from_shared(format!("{scheme}://{address}"))?;
        if let Some(authority) = authority {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificate(authority))?;
        }
        Ok(Self(endpoint.connect().await?))
    }

    pub(crate) async fn unary(
        &self,
        message: impl Into<Bytes>,
        within: Duration,
    ) -> Result<Bytes, Status> {
        let request = limited(message.into(), within);
        let answer = self.grpc().await?.unary(request, path("Unary"), Raw).await?;
        Ok(answer.into_inner())
    }

    pub(crate) async fn down(&self, message: &'static str) -> Result<Streaming<Bytes>, Status> {
        let request = limited(Bytes::from(message), WITHIN);
        let answer = self.grpc().await?.server_streaming(request, path("Down"), Raw).await?;
        Ok(answer.into_inner())
    }

    pub(crate) async fn up(
        &self,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Bytes, Status> {
        let request = limited(messages, WITHIN);
        let answer = self.grpc().await?.client_streaming(request, path("Up"), Raw).await?;
        Ok(answer.into_inner())
    }

    pub(crate) async fn both(
        &self,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Streaming<Bytes>, Status> {
        let request = limited(messages, WITHIN);
        let answer = self.grpc().await?.streaming(request, path("Both"), Raw).await?;
        Ok(answer.into_inner())
    }

    async fn grpc(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
        Ok(grpc)
    }
}

fn limited<T>(message: T, within: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(within);
    request
}

fn path(method: &str) -> PathAndQuery {
    format!("/test.Echo/{method}").parse().expect("these are letters")
}

/// For a machine that is busy.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);
