//! What a TLS client says before anything is secret: its ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2), read without a key so
//! that a connection can be passed on by its server name and its protocols. Called by `proxy` for listeners that pass TLS through.
//!
//! The bytes stay whose they are: the caller keeps what it received, shows it to [`ClientHelloReader`] as it grows, and sends all
//! of it on unchanged. Only the choice of an endpoint rests on what is read here, so whatever two readers could take for different
//! names is refused, and everything else is left for the endpoint to judge. Whoever is refused can be told by an [`Alert`].

mod alert;
mod client_hello;
mod cursor;
mod extension;
mod fault;
mod host_name;
mod record;

pub use alert::Alert;
pub use client_hello::{ClientHello, EXTENSIONS_MAX};
pub use fault::{HelloError, HelloFault};
pub use record::{ClientHelloReader, HELLO_BYTES_MAX, RECORD_BYTES_MAX};

#[cfg(test)]
mod tests;
