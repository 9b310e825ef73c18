//! The data path: workers, listeners, protocols, the exchange and upstream pools. It follows the plan, and knows neither config
//! nor health checks nor the admin API.

#[cfg(panic = "abort")]
compile_error!(
    "a panic must cost no more than the connection that it is on, which takes `panic = \"unwind\"`"
);

mod access;
mod body;
mod buffers;
mod connection;
mod deadline;
mod entrance;
mod exchange;
#[cfg(test)]
mod fixture;
mod http1;
mod http2;
mod io;
mod judge;
mod looks;
mod parked;
mod patience;
mod pipes;
mod proxy;
mod refusal;
mod respond;
mod sight;
mod sockets;
mod staggered;
mod stays;
mod upstream;
mod worker;
mod world;

pub use proxy::Proxy;
pub use sockets::Inherited;
