//! Clients and servers that are not ours, with the real binary between them. `docs/interop.md` says who was tested with what.

mod autobahn;
mod browser;
mod curl;
mod dashboard;
mod grpc;
mod grpc_web;
mod http2;
mod http2_checks;
mod httpwg;
mod load;
mod nghttp;
mod nginx_http2;
pub(crate) mod programs;
mod scripts;
mod servers;
mod simulation;
mod tls;
mod websocket;
