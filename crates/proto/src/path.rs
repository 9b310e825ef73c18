//! The path of a request in its one normal form (RFC 3986 §6.2.2): what is matched is what goes on. Called where heads are made.

mod escapes;
mod segments;

/// What may stand in a path although others read it differently. The strictest is the default: a neighbour that decodes,
/// cleans or splits such a path in another way would serve something that no rule of ours was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// `%2f`, which some take for a `/`.
    pub encoded_slash: Ambiguity,
    /// `%00`, at which some end the path.
    pub encoded_nul: Ambiguity,
    /// `\` and `%5c`, which some take for a `/`.
    pub backslash: Ambiguity,
    /// UTF-8 sequences that are longer than they need be, such as `%c0%ae`, which some take for what they stand for.
    pub overlong_utf8: Ambiguity,
    /// A `%` without two hexadecimal digits behind it.
    pub bad_escape: Ambiguity,
    /// `..` that climbs above the root or over an empty segment, and `..;` and its kin. All other dot segments are resolved.
    pub dot_segments: Ambiguity,
    /// `//`.
    pub empty_segments: EmptySegments,
}

/// What becomes of a request in whose path something is ambiguous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ambiguity {
    /// It is answered with 400.
    #[default]
    Refuse,
    /// It is let through; dot segments are resolved as RFC 3986 §5.2.4 has it.
    Keep,
}

/// What becomes of `//` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptySegments {
    /// It stays: RFC 3986 §3.3 lets a segment be empty, and object stores have keys like that.
    #[default]
    Keep,
    /// It becomes `/`.
    Merge,
    /// The request is answered with 400.
    Refuse,
}

/// Why a path is refused: what in it can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError(pub &'static str);

/// Brings the path in `path`, a path with its query, into its normal form in place. Returns the new length, never a greater one.
///
/// Escapes of unreserved characters are decoded, the hexadecimal digits of all others made capital (RFC 3986 §6.2.2.1 and
/// §6.2.2.2), and dot segments resolved (§6.2.2.3). The query stays as it is, and so does what is no path, such as `*`.
///
/// # Errors
/// [`PathError`]: answer 400. `path` is as it was.
pub fn normalise(path: &mut [u8], rules: &PathRules) -> Result<usize, PathError> {
    let Some(end) = end_if_not_normal(path, rules) else { return Ok(path.len()) };
    // Who attacks with it shall be able to read it in the log.
    let original = path[..end].to_vec();
    match rewrite(&mut path[..end], rules) {
        Ok(length) => {
            path.copy_within(end.., length);
            Ok(length + path.len() - end)
        }
        Err(error) => {
            path[..end].copy_from_slice(&original);
            Err(error)
        }
    }
}

fn rewrite(path: &mut [u8], rules: &PathRules) -> Result<usize, PathError> {
    let end = escapes::decode(path, rules)?;
    segments::resolve(&mut path[..end], rules)
}

/// Where the path ends, if it may have something that is not in normal form.
fn end_if_not_normal(path: &[u8], rules: &PathRules) -> Option<usize> {
    if path.first() != Some(&b'/') || !may_be_suspicious(path) {
        return None;
    }
    let empty_is_normal = rules.empty_segments == EmptySegments::Keep;
    let (mut suspicious, mut after_slash) = (false, false);
    for (position, &byte) in path.iter().enumerate() {
        match byte {
            b'?' => return suspicious.then_some(position),
            b'%' | b'\\' => suspicious = true,
            b'.' => suspicious |= after_slash,
            b'/' => suspicious |= after_slash && !empty_is_normal,
            // No URI has such a byte, but other protocols than HTTP/1 may bring one this far.
            0x80.. => suspicious = true,
            _ => {}
        }
        after_slash = byte == b'/';
    }
    suspicious.then_some(path.len())
}

/// Whether something in `path`, which begins with `/`, has to be looked at, be it in the query. Nearly never, so this is asked
/// of every request first, in blocks that the compiler makes vector instructions of.
fn may_be_suspicious(path: &[u8]) -> bool {
    let Some(last) = path.len().checked_sub(BLOCK + 1) else {
        let mut padded = [b'a'; BLOCK + 1];
        padded[..path.len()].copy_from_slice(path);
        return is_block_suspicious(&padded);
    };
    // The last block overlaps the one before; to look at a byte twice does no harm.
    (0..last).step_by(BLOCK).chain([last]).any(|start| is_block_suspicious(&path[start..]))
}

/// Looks at all of the first `BLOCK + 1` bytes but the first, each with the one before it.
fn is_block_suspicious(bytes: &[u8]) -> bool {
    let (Some(before), Some(block)) = (bytes.get(..BLOCK), bytes.get(1..=BLOCK)) else {
        return true;
    };
    let found = before.iter().zip(block).fold(0, |found, (&before, &byte)| {
        let alone = (byte == b'%') | (byte == b'\\') | (byte >= 0x80);
        found | u8::from(alone | ((before == b'/') & ((byte == b'.') | (byte == b'/'))))
    });
    found != 0
}

/// The bytes of one vector register that every machine has.
const BLOCK: usize = 16;

impl Ambiguity {
    fn check(self, what: &'static str) -> Result<(), PathError> {
        match self {
            Self::Refuse => Err(PathError(what)),
            Self::Keep => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
