use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Order};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Order::Relaxed);
    }
}

impl Calls {
    fn take(&self) -> usize {
        self.0.swap(0, Order::Relaxed)
    }
}

fn limits(pending: u32) -> Limits {
    Limits { requests: Some(1), pending, ..Limits::default() }
}

fn enter(room: &Room, importance: Importance, calls: &Arc<Calls>) -> Option<Ticket> {
    let waker = Arc::clone(calls).into();
    room.enter((importance, false), &limits(2), Time::START, waker)
}

#[test]
fn who_leaves_is_counted_where_it_belongs_and_its_call_goes_to_the_next() {
    let (room, first, second) = (Room::default(), Arc::default(), Arc::default());
    let tickets = [&first, &second].map(|calls| enter(&room, Importance::Normal, calls).unwrap());
    assert!(enter(&room, Importance::Normal, &Arc::default()).is_none());
    assert_eq!((room.waiting(), room.overloaded.count()), (2, 1));
    // The first was called when it came, and leaves without having looked.
    room.time_out(tickets[0]);
    assert_eq!((first.take(), second.take()), (0, 1));
    room.admit(tickets[1], Duration::from_millis(3));
    assert_eq!((room.waiting(), room.timed_out.count()), (0, 1));
    assert_eq!(room.waits.buckets().sum::<u64>(), 1);
    room.call_some(1);
    assert_eq!((first.take(), second.take()), (0, 0));
}

#[test]
fn one_that_is_displaced_is_woken_and_learns_why() {
    let (room, low, other) = (Room::default(), Arc::<Calls>::default(), Arc::default());
    let ticket = enter(&room, Importance::Low, &low).unwrap();
    enter(&room, Importance::Low, &other).unwrap();
    let waker = Waker::from(Arc::clone(&low));
    assert_eq!(room.look(ticket, &waker), Standing::Called);
    assert!(enter(&room, Importance::High, &Arc::default()).is_some());
    assert_eq!((low.take(), other.take()), (0, 1), "the last to be called goes");
    assert!(enter(&room, Importance::High, &Arc::default()).is_some());
    assert_eq!(low.take(), 1);
    assert_eq!(room.look(ticket, &waker), Standing::Displaced);
    assert_eq!((room.waiting(), room.overloaded.count()), (2, 2));
}

#[test]
fn all_are_woken_when_the_limits_are_others() {
    let (room, calls) = (Room::default(), Arc::default());
    let tickets = [(), ()].map(|()| enter(&room, Importance::Normal, &calls));
    assert!(tickets.iter().all(Option::is_some));
    room.call_all();
    assert_eq!(calls.take(), 2);
}
