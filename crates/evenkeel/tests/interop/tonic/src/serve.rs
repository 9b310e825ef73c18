//! The server: calls of all four kinds, which say back what they are sent.

use std::convert::Infallible;
use std::future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_stream::{Iter, iter};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::Grpc;
use tonic::transport::{self, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};
use tower::service_fn;

use crate::raw::Raw;

type Answer<T = Bytes> = Result<Response<T>, Status>;

pub(crate) async fn run(
    address: SocketAddr,
    identity: Option<Identity>,
) -> Result<(), transport::Error> {
    let mut server = Server::builder();
    if let Some(identity) = identity {
        server = server.tls_config(ServerTlsConfig::new().identity(identity))?;
    }
    server.serve(address, service_fn(call)).await
}

async fn call(request: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    let mut grpc = Grpc::new(Raw);
    Ok(match request.uri().path() {
        "/test.Echo/Unary" => grpc.unary(service_fn(unary), request).await,
        "/test.Echo/Down" => grpc.server_streaming(service_fn(down), request).await,
        "/test.Echo/Up" => grpc.client_streaming(service_fn(up), request).await,
        "/test.Echo/Both" => grpc.streaming(service_fn(both), request).await,
        path => Status::unimplemented(path).into_http(),
    })
}

async fn unary(request: Request<Bytes>) -> Answer {
    match request.get_ref().as_ref() {
        b"fail" => {
            let mut why = MetadataMap::new();
            why.insert("why", "because".parse().expect("this is ASCII"));
            Err(Status::with_metadata(Code::FailedPrecondition, "no ü", why))
        }
        b"slow" => {
            let _dropped = Cancelled;
            future::pending().await
        }
        b"left" => Ok(Response::new(left(request.metadata())?.to_string().into())),
        b"cancelled" => {
            let one = timeout(Duration::from_secs(10), CANCELLED.acquire()).await;
            // Each is told of once.
            let told = one.map(|one| one.map(SemaphorePermit::forget)).is_ok();
            Ok(Response::new(Bytes::from_static(if told { b"yes" } else { b"no" })))
        }
        _ => Ok(Response::new(request.into_inner())),
    }
}

async fn down(
    request: Request<Bytes>,
) -> Answer<Iter<impl Iterator<Item = Result<Bytes, Status>>>> {
    let message = request.into_inner();
    let numbered =
        move |number: usize| Ok([&message, number.to_string().as_bytes()].concat().into());
    Ok(Response::new(iter((0..5).map(numbered))))
}

async fn up(request: Request<Streaming<Bytes>>) -> Answer {
    let (mut messages, mut all) = (request.into_inner(), BytesMut::new());
    while let Some(message) = messages.message().await? {
        all.extend_from_slice(&message);
    }
    Ok(Response::new(all.freeze()))
}

async fn both(request: Request<Streaming<Bytes>>) -> Answer<Streaming<Bytes>> {
    Ok(Response::new(request.into_inner()))
}

/// How many seconds `grpc-timeout` leaves.
fn left(metadata: &MetadataMap) -> Result<f64, Status> {
    let none = || Status::invalid_argument("there is no time limit");
    let value = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok());
    let (number, unit) =
        value.and_then(|value| value.split_at_checked(value.len() - 1)).ok_or_else(none)?;
    let units = [("H", 3600.0), ("M", 60.0), ("S", 1.0), ("m", 1e-3), ("u", 1e-6), ("n", 1e-9)];
    let (_, seconds) = units.into_iter().find(|(name, _)| *name == unit).ok_or_else(none)?;
    Ok(number.parse::<f64>().map_err(|_| none())? * seconds)
}

/// Says when it is dropped that a call was given up: one that waits for nothing ends in no other way.
struct Cancelled;

impl Drop for Cancelled {
    fn drop(&mut self) {
        CANCELLED.add_permits(1);
    }
}

static CANCELLED: Semaphore = Semaphore::const_new(0);
