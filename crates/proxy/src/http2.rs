//! HTTP/2 on sockets: the `h2` library between bytes and the neutral heads and bodies of the exchange, with a guard before it.

pub(crate) mod fields;
pub(crate) mod outflow;
pub(crate) mod receive;
pub(crate) mod respond;
pub(crate) mod share;
pub(crate) mod stream;
pub(crate) mod wire;
