//! What tells the messages of a ledger apart: the client puts it into requests, the stamping origin into answers.

/// The field that says which request it is, in both directions.
pub(crate) const ID: &str = "Ledger-Id";

/// The field of an answer that says what of the request's body arrived.
pub(crate) const DIGEST: &str = "Ledger-Digest";

/// The field of an answer that says how many bytes of body it has, however it is framed.
pub(crate) const LENGTH: &str = "Ledger-Length";

/// `length` bytes that no message with another `id` has, and of which no part looks like another part.
pub(crate) fn body(id: u64, length: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(length + LINE_BYTES);
    let mut line = 0_u64;
    while body.len() < length {
        body.extend_from_slice(format!("{id:016x}.{line:08x}\n").as_bytes());
        line += 1;
    }
    body.truncate(length);
    body
}

/// FNV-1a, 64 bits: good enough to notice what is missing or mixed up, which nobody does on purpose.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |digest, &byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

const LINE_BYTES: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_differ_from_those_of_others_and_by_what_is_missing() {
        assert_eq!(body(1, 26), b"0000000000000001.00000000\n");
        assert_eq!(body(7, 1000).len(), 1000);
        assert!(body(7, 1000).starts_with(&body(7, 999)));
        let digests = [(7, 1000), (7, 999), (8, 1000), (7, 0)].map(|(id, n)| digest(&body(id, n)));
        for (position, digest) in digests.iter().enumerate() {
            assert!(!digests[..position].contains(digest), "{digests:?}");
        }
    }
}
