//! Waking at a time to within some 50 µs. The runtime's own timer counts in milliseconds, which an open loop would report as
//! latency of the server, and by which an origin would be a tenth slower than it should be. `load` waits by it for each start,
//! and `origin` for each delay.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel, or the runtime's where there is none to be had.
pub(crate) struct Alarm {
    timer: Option<AsyncFd<OwnedFd>>,
}

impl Alarm {
    /// One of the kernel; it takes a descriptor.
    pub(crate) fn new() -> Self {
        Alarm { timer: open().ok() }
    }

    /// The runtime's, which takes none.
    pub(crate) fn coarse() -> Self {
        Alarm { timer: None }
    }

    /// Returns at that time, or at once if it is over.
    pub(crate) async fn until(&mut self, due: Instant) {
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return;
        }
        let rang = match &self.timer {
            Some(timer) => ring(timer, wait).await,
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        if rang.is_err() {
            self.timer = None;
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is `unsafe` only because a descriptor might be swapped; an `OwnedFd` cannot be"
)]
fn open() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)
}

async fn ring(timer: &AsyncFd<OwnedFd>, wait: std::time::Duration) -> io::Result<()> {
    let once = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec::try_from(wait).map_err(|_| io::ErrorKind::InvalidInput)?,
    };
    // Setting it also takes back an alarm that was waited for and given up.
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    loop {
        let mut ready = timer.readable().await?;
        let read = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut [0_u8; 8])?));
        if let Ok(read) = read {
            return read.map(|_| ());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_never_rings_early_and_can_ring_again() {
        let mut alarm = Alarm::new();
        assert!(alarm.timer.is_some());
        for micros in [300, 1, 2_500, 0] {
            let due = Instant::now() + Duration::from_micros(micros);
            alarm.until(due).await;
            assert!(Instant::now() >= due);
        }
        assert!(alarm.timer.is_some(), "it fell back to the runtime's timer");
    }
}
