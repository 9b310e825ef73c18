//! HTTP/1 on sockets: the codec of `proto` between bytes and the neutral heads and bodies of the exchange.

pub(crate) mod inbox;
pub(crate) mod receive;
pub(crate) mod respond;
pub(crate) mod send;
