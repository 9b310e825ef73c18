//! Where fields begin and end in a compressed block (RFC 7541 §6), without a table and without decoding a string. Called by the
//! guard as the fragments of HEADERS and CONTINUATION pass.
//!
//! `h2` decompresses, but says PROTOCOL_ERROR where COMPRESSION_ERROR is asked for (RFC 9113 §4.3), counts no fields, and drops
//! pseudo-header fields of trailers without a word. What only the strings themselves would tell, such as codes of Huffman
//! that do not exist, remains with it.

use super::fault::Fault;

/// Reads the blocks of one direction of a connection, one after the other, cut anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BlockReader {
    part: Part,
    /// Bytes of a string that are still to come.
    skip: u32,
    /// A number that is longer than its first byte, as far as it was read.
    number: u32,
    /// Where its next seven bits go; 0 outside of one.
    shift: u8,
    /// Changes of the table's size at the front of the block.
    resizes: u8,
    has_pseudo: bool,
    fields: u32,
    /// Entries that were ever put into the dynamic table.
    inserted: u32,
}

/// What comes next, or whose number it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// A representation.
    #[default]
    Field,
    /// The index of a whole field (RFC 7541 §6.1).
    Indexed,
    /// The index of a literal field's name, 0 if that is spelt out (§6.2); whether the field goes into the table.
    Literal { is_inserted: bool },
    /// The size of the dynamic table (§6.3).
    Resize,
    /// The length of a name (§5.2).
    NameLength,
    /// The first byte of a name that is not empty.
    Name { is_huffman: bool },
    /// The length of a value.
    ValueLength,
}

impl BlockReader {
    /// Reads on.
    ///
    /// # Errors
    /// [`Fault::Compression`] where no field can be; [`Fault::ManyFields`] above `fields_max`.
    pub(super) fn read(&mut self, mut bytes: &[u8], fields_max: u32) -> Result<(), Fault> {
        loop {
            let skipped = bytes.len().min(self.skip as usize);
            self.skip -= skipped as u32;
            bytes = &bytes[skipped..];
            if self.part == Part::Field && self.shift == 0 {
                bytes = self.read_short(bytes, fields_max)?;
            }
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            match self.part {
                _ if self.shift > 0 => self.extend(byte)?,
                Part::Name { is_huffman } => {
                    // ':' as it is, or in its seven bits of Huffman's code (RFC 7541 Appendix B).
                    self.has_pseudo |= if is_huffman { byte >> 1 == 0x5c } else { byte == b':' };
                    self.skip = self.number - 1;
                    self.part = Part::ValueLength;
                }
                Part::Field => self.begin(byte)?,
                _ => self.number(byte, 0x7f)?,
            }
            if self.fields > fields_max {
                return Err(Fault::ManyFields);
            }
        }
    }

    /// Reads whole fields of the common forms: an index, or a literal with one for its name, each number in one byte. What it leaves
    /// is read byte by byte.
    #[inline]
    fn read_short<'a>(&mut self, mut bytes: &'a [u8], fields_max: u32) -> Result<&'a [u8], Fault> {
        // In registers, and written back at the one end.
        let mut this = *self;
        let mut judged = Ok(());
        while let Some((&byte, rest)) = bytes.split_first() {
            let (index, rest) = match byte {
                0x81..=0xfe => (byte & 0x7f, Some(rest)),
                0x41..=0x7e => (byte & 0x3f, after_short(rest)),
                0x01..=0x0e | 0x11..=0x1e => (byte & 0x0f, after_short(rest)),
                _ => break,
            };
            let Some(rest) = rest else { break };
            judged = this.note_short(index, fields_max);
            if judged.is_err() {
                break;
            }
            this.inserted = this.inserted.saturating_add(u32::from(byte & 0xc0 == 0x40));
            bytes = rest;
        }
        self.has_pseudo = this.has_pseudo;
        self.fields = this.fields;
        self.inserted = this.inserted;
        judged.map(|()| bytes)
    }

    /// Ends the block. Returns whether one of its fields is known to be a pseudo-header field: those whose names are in the static
    /// table or spelt out.
    ///
    /// # Errors
    /// [`Fault::Compression`] if a field is not at its end.
    pub(super) fn end(&mut self) -> Result<bool, Fault> {
        if self.part != Part::Field || self.shift > 0 || self.skip > 0 {
            return Err(Fault::Compression);
        }
        let has_pseudo = self.has_pseudo;
        *self = Self { inserted: self.inserted, ..Self::default() };
        Ok(has_pseudo)
    }

    /// The first byte of a representation (RFC 7541 §6): the ones and zeros at its front say which.
    #[inline]
    fn begin(&mut self, byte: u8) -> Result<(), Fault> {
        let mask = match byte.leading_zeros() {
            0 => {
                self.part = Part::Indexed;
                0x7f
            }
            1 => {
                self.part = Part::Literal { is_inserted: true };
                0x3f
            }
            2 => {
                self.part = Part::Resize;
                0x1f
            }
            _ => {
                self.part = Part::Literal { is_inserted: false };
                0x0f
            }
        };
        self.number(byte, mask)
    }

    /// The first byte of a number (RFC 7541 §5.1).
    #[inline]
    fn number(&mut self, byte: u8, mask: u8) -> Result<(), Fault> {
        let number = byte & mask;
        if number == mask {
            self.number = u32::from(number);
            self.shift = 1;
            if self.part == Part::NameLength {
                self.part = Part::Name { is_huffman: byte > mask };
            }
            return Ok(());
        }
        if self.part == Part::NameLength {
            self.part = Part::Name { is_huffman: byte > mask };
        }
        self.complete(u32::from(number))
    }

    /// A further byte of a number. Four of them are enough for anything that fits into a block.
    #[cold]
    fn extend(&mut self, byte: u8) -> Result<(), Fault> {
        let position = u32::from(self.shift - 1);
        if position > 21 {
            return Err(Fault::Compression);
        }
        self.number += u32::from(byte & 0x7f) << position;
        if byte & 0x80 != 0 {
            self.shift += 7;
            return Ok(());
        }
        self.shift = 0;
        self.complete(self.number)
    }

    #[inline]
    fn complete(&mut self, number: u32) -> Result<(), Fault> {
        match self.part {
            Part::Indexed if number == 0 => return Err(Fault::Compression),
            Part::Indexed => {
                self.note_index(number)?;
                self.part = Part::Field;
                self.fields += 1;
            }
            Part::Literal { is_inserted } => {
                self.note_index(number)?;
                self.inserted = self.inserted.saturating_add(u32::from(is_inserted));
                self.part = if number == 0 { Part::NameLength } else { Part::ValueLength };
            }
            Part::Resize => self.resize()?,
            // An empty name is not well-formed, which `h2` says.
            Part::Name { .. } if number == 0 => self.part = Part::ValueLength,
            Part::Name { .. } => self.number = number,
            _ => {
                self.skip = number;
                self.part = Part::Field;
                self.fields += 1;
            }
        }
        Ok(())
    }

    /// RFC 7541 §2.3.3: an index beyond both tables is an error. How many entries were evicted is not known here, so this finds those
    /// that never were.
    #[inline]
    fn note_index(&mut self, index: u32) -> Result<(), Fault> {
        self.has_pseudo |= (1..=STATIC_PSEUDO).contains(&index);
        let is_beyond = index.saturating_sub(STATIC_ENTRIES) > self.inserted;
        if is_beyond { Err(Fault::Compression) } else { Ok(()) }
    }

    #[inline]
    fn note_short(&mut self, index: u8, fields_max: u32) -> Result<(), Fault> {
        self.note_index(u32::from(index))?;
        self.fields += 1;
        if self.fields > fields_max { Err(Fault::ManyFields) } else { Ok(()) }
    }

    /// RFC 7541 §4.2: at the beginning of a block, and twice at most.
    fn resize(&mut self) -> Result<(), Fault> {
        self.resizes += 1;
        if self.fields > 0 || self.resizes > 2 {
            return Err(Fault::Compression);
        }
        self.part = Part::Field;
        Ok(())
    }
}

/// What is behind a string whose length is in its first byte; `None` if it is longer, or not all there.
#[inline]
fn after_short(bytes: &[u8]) -> Option<&[u8]> {
    let (&first, string) = bytes.split_first()?;
    let length = usize::from(first & 0x7f);
    if length == 0x7f { None } else { string.get(length..) }
}

/// The static table (RFC 7541 Appendix A), and how many of its entries are pseudo-header fields, which come first.
const STATIC_ENTRIES: u32 = 61;
const STATIC_PSEUDO: u32 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the block has pseudo-header fields, read in pieces of any one size.
    fn read(block: &[u8]) -> Result<bool, Fault> {
        let read = |size| {
            let mut reader = BlockReader::default();
            block.chunks(size).try_for_each(|piece| reader.read(piece, 4))?;
            reader.end()
        };
        let whole = read(block.len().max(1));
        for size in 1..block.len() {
            assert_eq!(read(size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn fields_are_followed_to_their_ends() {
        let long = [b"\x00\x01a\x7f\x80\x01".as_slice(), &[b'x'; 255]].concat();
        let rows: [(&str, &[u8], bool); 13] = [
            ("nothing", b"", false),
            ("an indexed field", b"\x90", false),
            ("an indexed method", b"\x82", true),
            ("the last of the static table", b"\xbd", false),
            ("a literal with a known name", b"\x50\x01x", false),
            ("a literal path", b"\x04\x01/", true),
            ("what was put into the table", b"\x40\x01a\x01b\xbe", false),
            ("a name that is spelt out", b"\x10\x02ab\x00", false),
            ("a pseudo name", b"\x00\x02:a\x01b", true),
            ("one in Huffman's code", b"\x00\x84\xb9\x49\x53\x3f\x01b", true),
            ("an empty name", b"\x00\x00\x01b", false),
            ("two sizes", b"\x20\x3f\xe1\x1f\x90", false),
            ("a long value", &long, false),
        ];
        for (what, block, has_pseudo) in rows {
            assert_eq!(read(block), Ok(has_pseudo), "{what}");
        }
    }

    #[test]
    fn what_is_no_field_is_an_error_of_compression() {
        let rows: [(&str, &[u8]); 12] = [
            ("index 0", b"\x80"),
            ("a name that is only being put in", b"\x7e\x01a"),
            ("an index beyond the tables", b"\xbe"),
            ("a name beyond the tables", b"\x7f\x00\x00"),
            ("a literal without a name", b"\x40"),
            ("half a name", b"\x00\x02a"),
            ("no value", b"\x00\x01a"),
            ("half a value", b"\x00\x01a\x02b"),
            ("half a number", b"\xff"),
            ("a number without an end", b"\xff\x80\x80\x80\x80\x80\x00"),
            ("a size behind a field", b"\x90\x20"),
            ("three sizes", b"\x20\x20\x20"),
        ];
        for (what, block) in rows {
            assert_eq!(read(block), Err(Fault::Compression), "{what}");
        }
    }

    #[test]
    fn fields_are_counted_whatever_they_cost() {
        assert_eq!(read(b"\x90\x90\x90\x90"), Ok(false));
        assert_eq!(read(b"\x90\x90\x90\x90\x90"), Err(Fault::ManyFields));
    }
}
