//! The buffers of one worker: borrowed when bytes are there, given back when they are gone, so an idle connection has none.

use std::cell::RefCell;

use evenkeel_proto::field::Fields;

use crate::body::Room;
use crate::parked::Parked;
use crate::pipes::Pipes;
use crate::staggered::Staggered;

/// How large a buffer to read heads into is at first. Nearly all heads fit; a larger one makes its buffer grow.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;

/// How much is read at once where bodies flow. Measured per MiB: 16 KiB cost three to four times as much CPU, 64 KiB half as
/// much again.
pub(crate) const SCRATCH_BYTES: usize = 512 * 1024;

/// Several frames of HTTP/2, and one more. Fresh memory of that size costs more than what is done with it.
pub(crate) const WIDE_BYTES: usize = 96 * 1024;

/// They are only held while something is gathered or waits to be sent, and few do at the same time.
const SPARE_WIDE_MAX: usize = 8;

/// How many spare buffers of each other kind a worker keeps: what a burst left behind beyond that is given back to the system.
const SPARE_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Buffers {
    /// To read into.
    wholes: RefCell<Vec<Vec<u8>>>,
    /// For heads that were read.
    heads: RefCell<Vec<Fields>>,
    /// To render into.
    outgoing: RefCell<Vec<Vec<u8>>>,
    /// To gather frames in.
    wide: RefCell<Vec<Staggered>>,
    pub(crate) pipes: Pipes,
    /// What lies here for slow peers.
    pub(crate) parked: Parked,
    /// For bytes that are read and written within one poll.
    pub(crate) scratch: RefCell<Staggered>,
}

impl Default for Buffers {
    fn default() -> Self {
        let scratch = RefCell::new(Staggered::zeroed(SCRATCH_BYTES));
        Self {
            wholes: RefCell::default(),
            heads: RefCell::default(),
            outgoing: RefCell::default(),
            wide: RefCell::default(),
            pipes: Pipes::default(),
            parked: Parked::default(),
            scratch,
        }
    }
}

impl Buffers {
    /// Calls `work` with what it needs to move a body, for as long as one poll takes.
    pub(crate) fn lend<T>(&self, work: impl FnOnce(&mut Room<'_>) -> T) -> T {
        let scratch = &mut self.scratch.borrow_mut();
        work(&mut Room { scratch, pipes: &self.pipes, parked: &self.parked })
    }

    /// A buffer of [`HEAD_BYTES`] to read into; what stands in it means nothing.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.wholes.borrow_mut().pop().unwrap_or_else(|| vec![0; HEAD_BYTES])
    }

    /// Takes back what [`Buffers::whole`] gave, unless it has grown.
    pub(crate) fn give_whole(&self, bytes: Vec<u8>) {
        let mut spare = self.wholes.borrow_mut();
        if spare.len() < SPARE_MAX && bytes.len() == HEAD_BYTES {
            spare.push(bytes);
        }
    }

    /// Room for the fields of a head, empty.
    pub(crate) fn head(&self) -> Fields {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back what [`Buffers::head`] gave.
    pub(crate) fn give_head(&self, mut fields: Fields) {
        let mut spare = self.heads.borrow_mut();
        if spare.len() < SPARE_MAX && fields.buffer.capacity() <= HEAD_BYTES {
            fields.clear();
            fields.buffer.clear();
            spare.push(fields);
        }
    }

    /// An empty buffer to render into.
    pub(crate) fn outgoing(&self) -> Vec<u8> {
        self.outgoing.borrow_mut().pop().unwrap_or_default()
    }

    /// An empty buffer with room for [`WIDE_BYTES`].
    pub(crate) fn wide(&self) -> Staggered {
        self.wide.borrow_mut().pop().unwrap_or_else(|| Staggered::with_capacity(WIDE_BYTES))
    }

    /// Takes back what [`Buffers::wide`] gave, unless it has grown.
    pub(crate) fn give_wide(&self, mut bytes: Staggered) {
        let mut spare = self.wide.borrow_mut();
        if spare.len() < SPARE_WIDE_MAX && bytes.capacity() == WIDE_BYTES {
            bytes.clear();
            spare.push(bytes);
        }
    }

    /// Takes back what [`Buffers::outgoing`] gave.
    pub(crate) fn give_outgoing(&self, mut bytes: Vec<u8>) {
        let mut spare = self.outgoing.borrow_mut();
        if spare.len() < SPARE_MAX && (1..=HEAD_BYTES).contains(&bytes.capacity()) {
            bytes.clear();
            spare.push(bytes);
        }
    }
}
