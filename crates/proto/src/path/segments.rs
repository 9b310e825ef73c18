//! Dot segments and empty ones (RFC 3986 §5.2.4). Called by `path`, after escapes are decoded.

use super::{EmptySegments, PathError, PathRules};

/// Resolves dot segments in a path that begins with `/`, in place; returns the new length.
pub(super) fn resolve(path: &mut [u8], rules: &PathRules) -> Result<usize, PathError> {
    let (mut read, mut written) = (0, 0);
    while read < path.len() {
        let start = read + 1;
        let length = path[start..].iter().position(|&byte| byte == b'/');
        let end = length.map_or(path.len(), |length| start + length);
        let is_last = length.is_none();
        match classify(&path[start..end]) {
            Segment::Empty if !is_last && skips_empty(rules)? => {}
            Segment::Dot if !is_last => {}
            Segment::Up if !is_last => written = climb(path, written, rules)?,
            Segment::Up => {
                written = climb(path, written, rules)?;
                written = put_slash(path, written);
            }
            // What ends in a dot segment is a folder.
            Segment::Dot => written = put_slash(path, written),
            segment => {
                if segment == Segment::Disguised {
                    rules.dot_segments.check("a dot segment with parameters")?;
                }
                path.copy_within(read..end, written);
                written += end - read;
            }
        }
        read = end;
    }
    Ok(written)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Empty,
    /// `.`
    Dot,
    /// `..`
    Up,
    /// `.` or `..` for those who cut parameters off first: `..;x`, as servlet containers do.
    Disguised,
    Other,
}

fn classify(segment: &[u8]) -> Segment {
    match segment {
        [] => Segment::Empty,
        b"." => Segment::Dot,
        b".." => Segment::Up,
        [b'.', b';', ..] | [b'.', b'.', b';', ..] => Segment::Disguised,
        [b'.', b'%', b'3', b'B', ..] | [b'.', b'.', b'%', b'3', b'B', ..] => Segment::Disguised,
        _ => Segment::Other,
    }
}

fn skips_empty(rules: &PathRules) -> Result<bool, PathError> {
    match rules.empty_segments {
        EmptySegments::Keep => Ok(false),
        EmptySegments::Merge => Ok(true),
        EmptySegments::Refuse => Err(PathError("an empty segment")),
    }
}

/// Takes the last segment away from the first `written` bytes. Each byte is taken away once, so a path of `..` is no burden.
fn climb(path: &[u8], written: usize, rules: &PathRules) -> Result<usize, PathError> {
    match path[..written].iter().rposition(|&byte| byte == b'/') {
        None => {
            rules.dot_segments.check("a .. above the root")?;
            Ok(0)
        }
        Some(slash) => {
            if slash + 1 == written {
                // Whoever merges `//` first climbs over another segment than we would.
                rules.dot_segments.check("a .. over an empty segment")?;
            }
            Ok(slash)
        }
    }
}

fn put_slash(path: &mut [u8], written: usize) -> usize {
    path[written] = b'/';
    written + 1
}
