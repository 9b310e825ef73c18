//! Whether more come to wait than get in. Pure; called by the queue for as long as somebody waits.
//!
//! A queue that is long is not one that grows: so many downloads at once as there are clients keep it long for hours, each gets in in
//! its turn, and with the newest first the unlucky ones would wait in vain.

use std::time::Duration;

use crate::time::Time;

/// How many have come and got in since the last time that it was judged.
#[derive(Debug)]
pub(super) struct Flow {
    since: Time,
    came: u64,
    admitted: u64,
    grows: bool,
}

impl Flow {
    /// Nobody has waited until now.
    pub(super) fn new(now: Time) -> Self {
        Self { since: now, came: 0, admitted: 0, grows: false }
    }

    /// Somebody comes. It is judged anew once every `span`.
    pub(super) fn come(&mut self, now: Time, span: Duration) {
        self.came += 1;
        if now.since(self.since) >= span {
            // As many, give or take what chance makes of it.
            let grows = self.came * 8 > self.admitted * 9;
            *self = Self { grows, ..Self::new(now) };
        }
    }

    /// Somebody who waited has got in.
    pub(super) fn admit(&mut self) {
        self.admitted += 1;
    }

    /// Whether more have come than got in, by an eighth at least, when it was judged last.
    pub(super) fn grows(&self) -> bool {
        self.grows
    }
}
