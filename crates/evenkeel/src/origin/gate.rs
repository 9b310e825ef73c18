//! The gate of an origin that serves only so many exchanges at a time, so that it can be overloaded;
//! `answer` enters it for every exchange but `/health` and `/load`.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// How much an origin takes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// How many exchanges are in service at a time.
    pub(crate) service: u32,
    /// How many more may wait for that.
    pub(crate) queue: usize,
}

/// Lets in as many as its [`Capacity`] says, first come, first served.
pub(super) struct Gate {
    service: Semaphore,
    queue: usize,
    waiting: AtomicUsize,
}

/// The right to be in service; it ends on drop.
pub(super) type Pass<'a> = SemaphorePermit<'a>;

/// Service and queue were full.
#[derive(Debug)]
pub(super) struct Overloaded;

impl Gate {
    pub(super) fn new(capacity: Capacity) -> Self {
        let service = Semaphore::new(capacity.service as usize);
        Gate { service, queue: capacity.queue, waiting: AtomicUsize::new(0) }
    }

    /// Waits for service, unless too many wait already. Whoever stops waiting leaves the queue.
    pub(super) async fn enter(&self) -> Result<Pass<'_>, Overloaded> {
        // A freed pass goes to whoever waits longest, so this does not overtake the queue.
        if let Ok(pass) = self.service.try_acquire() {
            return Ok(pass);
        }
        let _place = Place::take(&self.waiting, self.queue)?;
        self.service.acquire().await.map_err(|_| Overloaded)
    }
}

/// A place in the queue; it is free again on drop, also when the downstream went away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, queue: usize) -> Result<Self, Overloaded> {
        let one_more = |count: usize| (count < queue).then_some(count + 1);
        match waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Place(waiting)),
            Err(_) => Err(Overloaded),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn beyond_service_and_queue_it_refuses_at_once() {
        let gate = Gate::new(Capacity { service: 1, queue: 1 });
        let context = &mut Context::from_waker(Waker::noop());
        let mut first = pin!(gate.enter());
        let mut second = pin!(gate.enter());
        let mut third = pin!(gate.enter());

        let Poll::Ready(Ok(pass)) = first.as_mut().poll(context) else { panic!("not let in") };
        assert!(second.as_mut().poll(context).is_pending());
        assert!(matches!(third.as_mut().poll(context), Poll::Ready(Err(Overloaded))));

        drop(pass);
        assert!(matches!(second.as_mut().poll(context), Poll::Ready(Ok(_))));
    }

    #[test]
    fn who_stops_waiting_frees_the_place() {
        let gate = Gate::new(Capacity { service: 1, queue: 1 });
        let context = &mut Context::from_waker(Waker::noop());
        let mut first = pin!(gate.enter());
        let Poll::Ready(Ok(_pass)) = first.as_mut().poll(context) else { panic!("not let in") };
        {
            let mut gone = pin!(gate.enter());
            assert!(gone.as_mut().poll(context).is_pending());
        }
        let mut next = pin!(gate.enter());
        assert!(next.as_mut().poll(context).is_pending(), "the queue should have a place");
    }
}
