//! Memory for bytes that are copied on, which does not begin where other memory does. Used by `buffers` and by TLS.
//!
//! Large blocks begin with a page, and what goes before a body is a few bytes long: 9 for a frame of HTTP/2, 5 for a record of TLS. So bodies
//! are copied from the beginning of one page to just behind the beginning of another, again and again; and of all places that is the one for
//! which processors of AMD copy at 3 GB/s instead of 50 by `rep movsb`, which the C library takes for long copies until version 2.39
//! (<https://sourceware.org/bugzilla/show_bug.cgi?id=30994>). Over HTTP/2 and TLS that was nearly half of what 1 MiB costs.

use std::ops::{Deref, DerefMut};

/// Bytes that begin [`STAGGER`] bytes behind the beginning of their memory.
#[derive(Debug, Default)]
pub(crate) struct Staggered(Vec<u8>);

impl Staggered {
    /// So many zeros.
    pub(crate) fn zeroed(length: usize) -> Self {
        Self(vec![0; STAGGER + length])
    }

    /// Nothing, with room for so much.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(STAGGER + capacity);
        bytes.resize(STAGGER, 0);
        Self(bytes)
    }

    /// How much there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity().saturating_sub(STAGGER)
    }

    /// Makes it so long at least.
    pub(crate) fn grow(&mut self, length: usize) {
        if self.len() < length {
            self.0.resize(STAGGER + length, 0);
        }
    }

    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.0.is_empty() {
            self.0.resize(STAGGER, 0);
        }
        self.0.extend_from_slice(bytes);
    }

    /// Forgets the bytes, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.truncate(STAGGER);
    }
}

impl Deref for Staggered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.get(STAGGER..).unwrap_or_default()
    }
}

impl DerefMut for Staggered {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.get_mut(STAGGER..).unwrap_or_default()
    }
}

/// More than all the headers that lie within a buffer come to, so that copies do not meet on the way either.
const STAGGER: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_there_and_nothing_else() {
        let mut bytes = Staggered::default();
        assert_eq!((&*bytes, bytes.capacity()), (&[][..], 0));
        bytes.clear();
        bytes.extend_from_slice(b"one");
        bytes.extend_from_slice(b" two");
        assert_eq!(&*bytes, b"one two");
        bytes.clear();
        assert!(bytes.is_empty());
        bytes.extend_from_slice(b"three");
        assert_eq!(&*bytes, b"three");
    }

    #[test]
    fn it_is_as_long_as_was_asked_for() {
        assert_eq!(Staggered::zeroed(7).len(), 7);
        let mut bytes = Staggered::with_capacity(100);
        assert!(bytes.capacity() >= 100 && bytes.is_empty());
        bytes.grow(3);
        bytes.grow(2);
        assert_eq!(&mut *bytes, &mut [0; 3]);
    }
}
