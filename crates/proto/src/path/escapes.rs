//! Percent-encoding in a path (RFC 3986 §2.1). Called by `path`.

use super::{PathError, PathRules};

/// Decodes what needs no escape, in place; returns the new length.
pub(super) fn decode(path: &mut [u8], rules: &PathRules) -> Result<usize, PathError> {
    let mut decoder = Decoder { rules, written: 0, last: 0, stray_percent: None };
    let mut read = 0;
    while read < path.len() {
        read += match (path[read], path.get(read + 1..read + 3)) {
            (b'%', Some(&[high, low])) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoder.take_escape(path, [high, low])?;
                3
            }
            (byte, _) => {
                decoder.take_byte(path, byte)?;
                1
            }
        };
    }
    Ok(decoder.written)
}

struct Decoder<'a> {
    rules: &'a PathRules,
    /// So many bytes at the front of the path are in normal form.
    written: usize,
    /// The octet before, decoded.
    last: u8,
    /// Where a `%` that begins no escape was written.
    stray_percent: Option<usize>,
}

impl Decoder<'_> {
    fn take_byte(&mut self, path: &mut [u8], byte: u8) -> Result<(), PathError> {
        match byte {
            b'%' => {
                self.rules.bad_escape.check("a % without two hexadecimal digits")?;
                self.stray_percent = Some(self.written);
            }
            b'\\' => self.rules.backslash.check("a backslash")?,
            _ => {}
        }
        self.note_octet(byte)?;
        self.put(path, &[byte]);
        Ok(())
    }

    fn take_escape(&mut self, path: &mut [u8], digits: [u8; 2]) -> Result<(), PathError> {
        let octet = value(digits[0]) << 4 | value(digits[1]);
        match octet {
            0 => self.rules.encoded_nul.check("%00")?,
            b'/' => self.rules.encoded_slash.check("%2F")?,
            b'\\' => self.rules.backslash.check("%5C")?,
            _ => {}
        }
        self.note_octet(octet)?;
        if is_unreserved(octet) && !self.follows_stray_percent() {
            self.put(path, &[octet]);
        } else {
            self.put(path, &[b'%', digits[0].to_ascii_uppercase(), digits[1].to_ascii_uppercase()]);
        }
        Ok(())
    }

    /// RFC 3629 §3 and §10: a character has one encoding, the shortest. Decoders that took a longer one for `.` or `/` served
    /// what nobody was meant to see.
    fn note_octet(&mut self, octet: u8) -> Result<(), PathError> {
        let overlong = matches!(
            (self.last, octet),
            (_, 0xc0 | 0xc1)
                | (0xe0, 0x80..=0x9f)
                | (0xf0, 0x80..=0x8f)
                | (0xf8, 0x80..=0x87)
                | (0xfc, 0x80..=0x83)
        );
        self.last = octet;
        if overlong { self.rules.overlong_utf8.check("overlong UTF-8") } else { Ok(()) }
    }

    /// Whether a character written now could be taken for a digit of a `%` that is no escape: `%%34%31` is not `%41`.
    fn follows_stray_percent(&self) -> bool {
        self.stray_percent.is_some_and(|position| self.written - position <= 2)
    }

    fn put(&mut self, path: &mut [u8], bytes: &[u8]) {
        path[self.written..self.written + bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len();
    }
}

/// RFC 3986 §2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
