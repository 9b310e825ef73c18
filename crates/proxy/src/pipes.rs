//! Pipes through which bytes go from one socket to another without being copied; borrowed from the worker while bytes are
//! in them.

use std::cell::RefCell;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// A pipe that is empty, or belongs to whoever filled it.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) read: OwnedFd,
    pub(crate) write: OwnedFd,
}

/// The spare pipes of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    spare: RefCell<Vec<Pipe>>,
}

impl Pipes {
    /// An empty pipe; `None` when there are no descriptors for one, and copying has to do.
    pub(crate) fn borrow(&self) -> Option<Pipe> {
        if let Some(pipe) = self.spare.borrow_mut().pop() {
            return Some(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
        // Refused to ordinary users who have many pipes; then it stays at 64 KiB, which is nearly as good.
        let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
        Some(Pipe { read, write })
    }

    /// Takes back a pipe that is empty. One that is not must be dropped, or its bytes would go to somebody else.
    pub(crate) fn give_back(&self, pipe: Pipe) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(pipe);
        }
    }
}

/// Measured per MiB: no difference between 256 KiB and 1 MiB, which would use up a user's quota of pipe memory four times as
/// fast.
pub(crate) const PIPE_BYTES: usize = 256 * 1024;

const SPARE_MAX: usize = 16;
