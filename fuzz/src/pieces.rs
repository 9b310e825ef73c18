//! Where an input is cut: decided by its own bytes, so that an input is nothing but what a peer could send.

/// A place in `bytes`, the same one for the same bytes; at most their length.
pub fn cut(bytes: &[u8]) -> usize {
    let mixed = bytes.iter().fold(0x9e37_79b9_usize, |hash, &byte| {
        hash.rotate_left(5) ^ usize::from(byte).wrapping_mul(0x0100_0193)
    });
    mixed % (bytes.len() + 1)
}

/// `bytes` in pieces of one to sixteen bytes, by the bits of `seed`.
pub fn pieces(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut rest, mut pieces, mut state) = (bytes, Vec::new(), u32::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = (1 + (state >> 24) as usize % 16).min(rest.len());
        let (piece, after) = rest.split_at(size);
        pieces.push(piece);
        rest = after;
    }
    pieces
}
