//! HTTP/2 (RFC 9113) as far as we judge it ourselves: frames and states before the `h2` crate acts on them, and messages behind it.
//! Called by `proxy`, which holds a [`Guard`] between each connection's bytes and `h2`.
//!
//! `h2` does the work: it decodes fields, keeps the windows, sends. What it lets through, answers with another code than the RFC
//! asks for, or does not count is for the guard: it reads the headers of frames as they pass, and the few bytes of payload that
//! rules speak of, copies nothing, and can go on at any byte. What breaks a rule never reaches `h2`.

mod budget;
mod fault;
pub mod frame;
mod guard;
pub mod head;
mod hpack;
mod limits;
mod reader;
mod streams;

pub use fault::{Fault, Flood, Objection};
pub use guard::{Guard, Side, Verdict};
pub use limits::{Limits, Rate};

#[cfg(test)]
mod tests;
