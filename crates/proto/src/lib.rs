//! Bytes in, values out: HTTP/1 heads and framing, HTTP/2 frames before they are acted on, the rules HTTP sets for intermediaries,
//! and what a TLS client says first.
//!
//! Pure: no socket, no clock, no runtime. `proxy` feeds it bytes and writes what it renders; `control` reads the answers to
//! its probes with it.

pub mod client_certificate;
pub mod cookie;
pub mod field;
pub mod forward;
pub mod grpc;
pub mod head;
pub mod http1;
pub mod http2;
pub mod method;
pub mod negotiate;
pub mod onward;
pub mod path;
pub mod tls;
pub mod trailer;
pub mod upgrade;
pub mod websocket;
