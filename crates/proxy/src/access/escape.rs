//! What strangers send, made harmless for a log: no control characters, nothing that reorders text on a screen, and never more
//! than there is room for. Used by both forms.

/// Appends `value`. Plain characters are copied, and each other one is given to `odd`, which appends it as its form wants it
/// and says how many bytes it had. What is longer than `limit` as written is cut there, with [`CUT`] behind; `odd` is asked for
/// whole characters only, so neither they nor escapes are cut in two.
pub(super) fn append(
    out: &mut Vec<u8>,
    value: &[u8],
    limit: usize,
    odd: impl Fn(&mut Vec<u8>, &[u8]) -> usize,
) {
    let end = out.len() + limit;
    let mut rest = value;
    loop {
        let plain = plain_length(rest);
        let room = end.saturating_sub(out.len());
        if plain > room {
            out.extend_from_slice(&rest[..room]);
            break;
        }
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.is_empty() {
            return;
        }
        let before = out.len();
        let length = odd(out, rest);
        if out.len() > end {
            out.truncate(before);
            break;
        }
        rest = &rest[length.min(rest.len())..];
    }
    out.extend_from_slice(CUT);
}

/// The character that begins `bytes`, if they begin with one.
pub(super) fn first_char(bytes: &[u8]) -> Option<char> {
    let piece = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(piece) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&piece[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next()
}

/// Characters beyond ASCII that a terminal or a viewer obeys in place of showing them: C1 controls, line and paragraph
/// separators, and the marks by which text is reordered (Unicode UAX #9), with which a log can be made to read differently
/// from what it says (CVE-2021-42574).
pub(super) fn is_treacherous(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}' | '\u{200f}'
            | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// How many bytes at the start of `bytes` are plain.
fn plain_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !is_plain(byte)).unwrap_or(bytes.len())
}

/// Whether a byte is a printable ASCII character that no form gives a meaning to.
const fn is_plain(byte: u8) -> bool {
    PLAIN[byte as usize]
}

/// A table, because a comparison for each of five cases and each byte is seen in a profile.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte < 0x7f {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

/// A hexadecimal digit.
pub(super) const fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[(nibble & 15) as usize]
}

/// What stands behind a value that was cut.
pub(super) const CUT: &[u8] = b"...";

/// What a client can make long at will (path, query, user agent, referer) may take so many bytes of a line, as written.
pub(super) const LONG: usize = 2048;

/// The same for what is short unless somebody is up to something: methods, hosts, names, identities.
pub(super) const SHORT: usize = 256;
