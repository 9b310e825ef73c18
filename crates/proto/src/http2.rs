//! HTTP/2 (RFC 9113), beyond what a library does of it. Called by `proxy`.

pub mod head;
