//! How requests reach an authority: by HTTPS, within bounds of time and size. Called by `instant-acme` for each request.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Limited;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::retry_after;
use super::trouble::Trouble;
use crate::certificates::{Authorities, Problem};

/// Connections to one authority.
pub(super) struct Transport(Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

impl Transport {
    /// For an authority whose own certificate is checked by the file `ca`, or else by what this machine trusts.
    ///
    /// # Errors
    ///
    /// There is nothing to check it by.
    pub(super) async fn new(ca: Option<PathBuf>) -> Result<Self, Trouble> {
        let trusted = spawn_blocking(move || match ca {
            Some(ca) => Authorities::read(&ca, SystemTime::now()),
            None => Authorities::of_system(),
        });
        let trusted = trusted.await.map_err(|error| Trouble::of_work(&error))?;
        let trusted = trusted.map_err(|(place, problem)| {
            let help = if problem == Problem::NothingTrusted { NOTHING_TRUSTED_HELP } else { "" };
            Trouble::new(format!("{} {problem}{help}", place.display()))
        })?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Trouble::new(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(trusted.verifier())
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .build();
        let mut client = Client::builder(TokioExecutor::new());
        // An order takes seconds, and the next one is weeks away.
        client.pool_idle_timeout(IDLE_MAX).pool_timer(TokioTimer::new()).pool_max_idle_per_host(1);
        Ok(Self(client.build(connector)))
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let method = request.method().clone();
        let response = self.0.request(request);
        Box::pin(async move {
            let response = timeout(ANSWER_WITHIN, response).await;
            let response =
                response.map_err(|_| Error::Str("no answer from the authority in time"))?;
            let response = response.map_err(|error| Error::Other(error.into()))?;
            let (mut parts, body) = response.into_parts();
            retry_after::bound(&method, &mut parts.headers, SystemTime::now());
            Ok(Response::from_parts(parts, Limited::new(body, ANSWER_BYTES_MAX)).into())
        })
    }
}

const NOTHING_TRUSTED_HELP: &str = ": install the package ca-certificates, or name a file in `ca`";

/// Some answer only when they have looked.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A chain has some thousand bytes, and all else has less.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

const IDLE_MAX: Duration = Duration::from_secs(30);
