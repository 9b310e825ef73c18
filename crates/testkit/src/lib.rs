//! Scripted origins, raw clients, ports and a process runner: what tests and benchmarks stand on.
//!
//! Everything here blocks and runs on plain threads, so that a fault of the proxy's runtime cannot
//! hide behind the same runtime in its judge. Every wait has a deadline and fails with
//! [`std::io::ErrorKind::TimedOut`]; nothing panics, tests unwrap.

pub mod client;
pub mod fast_origin;
pub mod gate;
pub mod http2;
pub mod ledger;
pub mod message;
mod moment;
pub mod origin;
pub mod ports;
pub mod process;
pub mod skip;
mod stamp;
pub mod stamping;
pub mod usage;
pub mod wait;
mod wire;

pub use client::{Client, Drip, Response, get};
pub use fast_origin::FastOrigin;
pub use gate::Gate;
pub use http2::{Http2Client, Http2Endpoint};
pub use ledger::Ledger;
pub use moment::Moment;
pub use origin::{Behaviour, Origin, Reading, Request, Script};
pub use process::Process;
pub use skip::skipped;
pub use stamping::StampingOrigin;
pub use wait::wait_until;
