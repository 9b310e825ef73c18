use std::net::TcpListener;
use std::rc::Rc;

use evenkeel_plan::cluster::PoolLimits;
use evenkeel_plan::publish::Publisher;
use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::fixture::worker_of;
use crate::io::Io;
use crate::upstream::attempt::Http1;
use crate::upstream::link::Link;
use crate::upstream::pool::{Demands, Idle};
use crate::worker::{Crew, Errand};

const LONG: Duration = Duration::from_secs(30);

/// A worker, and what the mailbox of the only other one gets.
fn worker() -> (Rc<Worker>, Receiver<Errand>) {
    let (mailbox, errands) = channel(8);
    let crew = Crew::new(vec![channel(1).0, mailbox]);
    (worker_of(crew, &Publisher::default()), errands)
}

/// An endpoint that may have one connection.
fn life() -> Arc<Life> {
    let life = Life::new(1, &Arc::default());
    life.vitals.limit_connections_to(Some(1));
    life
}

#[tokio::test(flavor = "local")]
async fn where_there_is_one_nobody_is_asked() {
    let ((worker, mut errands), life) = (worker(), life());
    let slot = take_slot(&worker, &life, &Pool::default(), Duration::ZERO).await;
    assert!(slot.is_some() && errands.try_recv().is_err());
}

#[tokio::test(flavor = "local")]
async fn one_that_is_given_back_in_time_is_taken_and_until_then_others_are_asked() {
    let ((worker, mut errands), life) = (worker(), life());
    let (pool, taken) = (Pool::default(), Slot::try_new(Arc::clone(&life)));
    let other_worker = async {
        let Some(Errand::MakeWay(at)) = errands.recv().await else { panic!("not asked") };
        assert!(Arc::ptr_eq(&at, &life) && life.vitals.is_crowded());
        drop(taken);
    };
    let (slot, ()) = tokio::join!(take_slot(&worker, &life, &pool, LONG), other_worker);
    assert!(slot.is_some() && life.vitals.connections() == 1 && !life.vitals.is_crowded());
}

#[tokio::test(flavor = "local")]
async fn who_gets_none_in_time_waits_no_longer() {
    let ((worker, mut errands), life) = (worker(), life());
    let _taken = Slot::try_new(Arc::clone(&life));
    let within = Duration::from_millis(5);
    assert!(take_slot(&worker, &life, &Pool::default(), within).await.is_none());
    assert!(errands.try_recv().is_ok() && !life.vitals.is_crowded(), "nobody makes way any more");
}

/// It may not be used for a moment, and nobody else could close it.
#[tokio::test(flavor = "local")]
async fn a_connection_of_ours_that_is_on_parole_makes_way() {
    let ((worker, mut errands), life) = (worker(), life());
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    let io = Io::connect(endpoint.local_addr().unwrap()).await.unwrap();
    let slot = Slot::try_new(Arc::clone(&life)).unwrap();
    let (pool, limits, now) = (Pool::default(), PoolLimits::default(), worker.now());
    let demands = Demands { limits: &limits, edition: None };
    let connection = Box::new(Http1::new(Link::new(io, slot, now, 0)));
    pool.check_in(Idle::new(connection, now, true), demands);
    assert!(pool.check_out(demands, now).is_none());
    assert!(take_slot(&worker, &life, &pool, Duration::ZERO).await.is_some());
    assert!(errands.try_recv().is_err());
}
