//! The bytes of a stamped answer, in the pieces between which it can be cut. Called by `serving`.

use super::conduct::{Conduct, Ends};
use crate::stamp;

pub(super) struct Answer {
    pub(super) head: Vec<u8>,
    pub(super) first_half: Vec<u8>,
    pub(super) second_half: Vec<u8>,
}

impl Answer {
    /// The answer to request `id`, of whose body `digest` arrived.
    pub(super) fn new(conduct: &Conduct, status: u16, id: u64, digest: u64) -> Self {
        let length = conduct.body;
        let framing = match conduct.chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {length}"),
        };
        let close = if conduct.ends == Ends::Announced { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} Stamped\r\n{}: {id}\r\n{}: {digest}\r\n{}: {length}\r\n{framing}\r\n{close}\r\n",
            stamp::ID,
            stamp::DIGEST,
            stamp::LENGTH,
        );
        let mut first_half = stamp::body(id, length);
        let mut second_half = first_half.split_off(length / 2);
        if conduct.chunked {
            first_half = chunk(&first_half);
            second_half = [chunk(&second_half), b"0\r\n\r\n".to_vec()].concat();
        }
        Self { head: head.into_bytes(), first_half, second_half }
    }
}

/// Nothing for no bytes: an empty chunk would be the end.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
