//! Asking endpoints how much they have to do, for balancers that choose by it. Ordered by the exchange when it picks; one task of each
//! worker sees to it, so no exchange waits for an answer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use evenkeel_plan::balance::{Load, WorkerState};
use evenkeel_plan::vitals::Slot;
use evenkeel_plan::{Cluster, Endpoint};
use evenkeel_proto::method::Method;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::attempt::Attempt;
use super::connect::{Reach, connect};
use super::link::Link;
use super::pool::{Demands, Idle, Pool};
use crate::body::{Sink as _, Source as _};
use crate::deadline::Deadline;
use crate::worker::Worker;

/// One endpoint to ask.
#[derive(Debug)]
pub(crate) struct Inquiry {
    pub(crate) cluster: Arc<Cluster>,
    /// Its position in the cluster.
    pub(crate) position: usize,
    pub(crate) pool: Rc<Pool>,
    /// Who wants to know.
    pub(crate) state: Rc<RefCell<WorkerState>>,
}

/// The inquiries of one worker that nobody has begun yet.
#[derive(Debug, Default)]
pub(crate) struct Inquiries {
    waiting: RefCell<VecDeque<Inquiry>>,
    ordered: Notify,
}

impl Inquiries {
    /// Asks as soon as the task that picked is done with what it does.
    pub(crate) fn order(&self, inquiry: Inquiry) {
        self.waiting.borrow_mut().push_back(inquiry);
        self.ordered.notify_one();
    }

    async fn next(&self) -> Inquiry {
        loop {
            if let Some(inquiry) = self.waiting.borrow_mut().pop_front() {
                return inquiry;
            }
            self.ordered.notified().await;
        }
    }
}

/// Sees to the inquiries of a worker. How many run at once is bounded by those who order them.
pub(crate) async fn make_inquiries(worker: Rc<Worker>) {
    loop {
        let inquiry = worker.inquiries.next().await;
        spawn_local(inquiry.make(Rc::clone(&worker)));
    }
}

impl Inquiry {
    async fn make(self, worker: Rc<Worker>) {
        let mut waiting = Waiting { inquiry: &self, worker: &worker, load: None };
        if let Some(endpoint) = self.cluster.endpoints.get(self.position) {
            waiting.load = self.ask(endpoint, &worker).await;
            let counters = endpoint.life.counters.shard(worker.index);
            let answered = waiting.load.is_some();
            if answered { &counters.load_reports } else { &counters.load_silences }.add(1);
        }
    }

    /// What an endpoint says about itself; `None` if it says nothing that can be understood in time.
    async fn ask(&self, endpoint: &Endpoint, worker: &Worker) -> Option<Load> {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let deadline = worker.deadlines.register(waker);
        let mut attempt =
            match self.pool.find(self.cluster.http, Demands::of(&self.cluster), worker.now()) {
                Some(attempt) => attempt,
                None => {
                    // No other connection has to make way for a question.
                    let slot = Slot::try_new(Arc::clone(&endpoint.life))?;
                    let reach = Reach {
                        address: endpoint.address?,
                        name: &endpoint.name,
                        origination: self.cluster.tls.as_deref(),
                        http: Some(self.cluster.http),
                        connect: TIME_LIMIT,
                        tls: TIME_LIMIT,
                        until: None,
                    };
                    let io = connect(&reach, &deadline).await.ok()?;
                    let link = Link::new(io, slot, worker.now(), worker.random());
                    self.pool.adopt(link, self.cluster.http, worker).ok()?
                }
            };
        let (path, host) = (&self.cluster.balancer.balancing().load_path, &endpoint.name);
        attempt.ask_plainly(path, host, &worker.buffers);
        deadline.set(TIME_LIMIT);
        let mut answer = Answer::default();
        let understood =
            poll_fn(|cx| within(&deadline, answer.poll(cx, &mut attempt, worker))).await?;
        if let Some(connection) = attempt.finish(&worker.buffers) {
            let idle = Idle::new(connection, worker.now(), false);
            self.pool.check_in(idle, Demands::of(&self.cluster));
        }
        understood
    }
}

/// Whoever wants to know is told in the end, whatever comes of it: a place for an answer that never comes would be lost for ever.
struct Waiting<'a> {
    inquiry: &'a Inquiry,
    worker: &'a Worker,
    load: Option<Load>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = self.worker.time(self.worker.now());
        self.inquiry.state.borrow_mut().probed(self.inquiry.position, self.load, now);
    }
}

/// What has come of an answer.
#[derive(Default)]
struct Answer {
    has_head: bool,
    is_ok: bool,
    body: Vec<u8>,
}

impl Answer {
    /// `None` if it breaks off or is no answer; `Some(None)` if it is whole and says nothing.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        attempt: &mut Attempt,
        worker: &Worker,
    ) -> Poll<Option<Option<Load>>> {
        let buffers = &worker.buffers;
        if !self.has_head {
            if ready!(attempt.request().poll_flush(cx)).is_err() {
                return Poll::Ready(None);
            }
            let Ok(head) = ready!(attempt.poll_head(cx, buffers)) else { return Poll::Ready(None) };
            if head.is_interim() || attempt.expect_body(&head, Method::Get, true).is_err() {
                return Poll::Ready(None);
            }
            (self.has_head, self.is_ok) = (true, head.status == 200);
            buffers.give_head(head.fields);
        }
        let mut room = [0; BODY_BYTES_MAX];
        loop {
            let mut source = attempt.answer(buffers);
            let Ok(piece) = ready!(source.poll_read(cx, &mut room)) else {
                return Poll::Ready(None);
            };
            let (count, last) = (piece.bytes.len(), piece.last);
            self.body.extend_from_slice(piece.bytes);
            source.consumed(count);
            if self.body.len() > BODY_BYTES_MAX {
                return Poll::Ready(None);
            }
            if last {
                return Poll::Ready(Some(self.load()));
            }
        }
    }

    fn load(&self) -> Option<Load> {
        let said: Said = serde_json::from_slice(&self.body).ok().filter(|_| self.is_ok)?;
        let latency = Duration::try_from_secs_f64(said.latency_ms / 1000.0).ok()?;
        Some(Load { in_flight: said.in_flight, latency })
    }
}

/// What an endpoint has to say, as JSON; there may be more.
#[derive(Deserialize)]
struct Said {
    in_flight: u32,
    latency_ms: f64,
}

/// Ready when the answer is, or the time is over.
fn within<T>(deadline: &Deadline, polled: Poll<Option<T>>) -> Poll<Option<T>> {
    match polled {
        Poll::Pending if deadline.is_expired() => Poll::Ready(None),
        polled => polled,
    }
}

/// How long an endpoint may take to say it. Whoever takes longer has too much to do.
const TIME_LIMIT: Duration = Duration::from_millis(200);

/// How long an answer may be.
const BODY_BYTES_MAX: usize = 1024;
