//! One connection that is opened for all who wait: where many requests can be on one, not each of them opens its own. Called by the exchange.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use evenkeel_plan::reason::Reason;

use crate::deadline::Deadline;

/// The connection that is being opened to an endpoint, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Openings(RefCell<Option<Rc<Opening>>>);

/// What those who wait look at.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    is_over: Cell<bool>,
    /// Why it has failed, if it has.
    failure: Cell<Option<Reason>>,
    waiting: RefCell<Vec<Waker>>,
}

/// Who opens it. When that ends, however it does, the others look again.
#[derive(Debug)]
pub(crate) struct Opener<'p> {
    openings: &'p Openings,
    opening: Rc<Opening>,
}

/// What somebody does who wants a connection.
#[derive(Debug)]
pub(crate) enum Part<'p> {
    Opens(Opener<'p>),
    Waits(Rc<Opening>),
}

impl Openings {
    pub(crate) fn join(&self) -> Part<'_> {
        let mut under_way = self.0.borrow_mut();
        match &*under_way {
            Some(opening) => Part::Waits(Rc::clone(opening)),
            None => {
                let opening = Rc::clone(under_way.insert(Rc::default()));
                Part::Opens(Opener { openings: self, opening })
            }
        }
    }
}

impl Opener<'_> {
    /// Those who wait would not do better.
    pub(crate) fn fail(&self, reason: Reason) {
        self.opening.failure.set(Some(reason));
    }
}

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        self.openings.0.take();
        self.opening.is_over.set(true);
        self.opening.waiting.take().into_iter().for_each(Waker::wake);
    }
}

impl Opening {
    /// Waits until the connection is there, or another one may be opened, for as long as `within`.
    ///
    /// # Errors
    /// Why there is none; `None` if it takes too long.
    pub(crate) async fn wait(
        &self,
        deadline: &Deadline,
        within: Duration,
    ) -> Result<(), Option<Reason>> {
        deadline.set(within);
        poll_fn(|cx| {
            if self.is_over.get() {
                return Poll::Ready(self.failure.get().map_or(Ok(()), |reason| Err(Some(reason))));
            }
            if deadline.is_expired() {
                return Poll::Ready(Err(None));
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
