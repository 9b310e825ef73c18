//! Reads the structures of TLS (RFC 8446 §3) from the front of a slice: numbers, and vectors behind their lengths.

use std::ops::RangeInclusive;

use super::HelloFault;

/// What is left of a structure.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(structure: &'a [u8]) -> Self {
        Self(structure)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may follow the last field.
    pub(super) fn end(&self) -> Result<(), HelloFault> {
        if self.is_at_end() { Ok(()) } else { Err(HelloFault::TrailingBytes) }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], HelloFault> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(HelloFault::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn number_8(&mut self) -> Result<u8, HelloFault> {
        let (&[number], rest) = self.0.split_first_chunk().ok_or(HelloFault::Truncated)?;
        self.0 = rest;
        Ok(number)
    }

    pub(super) fn number_16(&mut self) -> Result<u16, HelloFault> {
        let (&number, rest) = self.0.split_first_chunk().ok_or(HelloFault::Truncated)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(number))
    }

    /// A vector behind a length of one byte, of as many bytes as `lengths` allows.
    pub(super) fn vector_8(
        &mut self,
        lengths: RangeInclusive<usize>,
    ) -> Result<&'a [u8], HelloFault> {
        let length = self.number_8()?;
        self.vector(usize::from(length), &lengths)
    }

    /// A vector behind a length of two bytes, of as many bytes as `lengths` allows.
    pub(super) fn vector_16(
        &mut self,
        lengths: RangeInclusive<usize>,
    ) -> Result<&'a [u8], HelloFault> {
        let length = self.number_16()?;
        self.vector(usize::from(length), &lengths)
    }

    fn vector(
        &mut self,
        length: usize,
        lengths: &RangeInclusive<usize>,
    ) -> Result<&'a [u8], HelloFault> {
        if lengths.contains(&length) { self.bytes(length) } else { Err(HelloFault::Length) }
    }
}

/// The longest vector behind a length of one byte.
pub(super) const LENGTH_8_MAX: usize = 0xff;

/// The longest vector behind a length of two bytes.
pub(super) const LENGTH_16_MAX: usize = 0xffff;
