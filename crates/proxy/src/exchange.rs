//! The exchange: one request and its answer, whatever protocol either side speaks. Called by the protocols downstream.
//!
//! route → balance → attempt → relay. It is written once; codecs differ, this does not.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::counters::Counter;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::sight::Phase;
use evenkeel_plan::{Cluster, Listener};
use evenkeel_proto::forward::ClientFacts;
use evenkeel_proto::grpc::Status;
use evenkeel_proto::head::{RequestHead, ResponseHead, Version};
use evenkeel_proto::http1::Framing;
use evenkeel_proto::onward::OwnAnswer;
use evenkeel_proto::tls::ClientHello;
use evenkeel_proto::upgrade::Offer;

use crate::access::Course;
use crate::body::{Pump, Replay, Sink, Source};
use crate::deadline::Deadline;
use crate::patience::Patience;
use crate::respond::Asked;
use crate::worker::Worker;
use crate::world::World;

mod admit;
mod again;
mod ask;
mod attempt;
mod call;
mod grant;
mod hedged;
mod leaving;
mod notes;
mod progress;
mod relay;
mod room;
mod stream;
mod translate;
mod tunnel;
mod verdict;
mod way;

pub(crate) use admit::Advice;
pub(crate) use call::status_for;
pub(crate) use notes::Notes;
pub(crate) use progress::Progress;
pub(crate) use translate::Web;
pub(crate) use tunnel::{Downstream, Passage, Switched};

use again::Attempts;
use attempt::Target;
use way::Way;

/// Where an answer goes: a sink that can be given heads.
pub(crate) trait Answer: Sink {
    /// Begins the final answer. `framing` is that of the endpoint's body; `request_done` says whether all of the request was
    /// read, without which the connection cannot carry another one.
    fn begin(&mut self, head: &ResponseHead, framing: Framing, request_done: bool);

    /// Passes an interim answer on, where the client can take one.
    fn interim(&mut self, head: &ResponseHead);

    /// Answers that the protocol is switched to `protocol`: what is written from now on goes out as it is.
    fn switch(&mut self, head: &ResponseHead, protocol: &[u8]);

    /// Answers in our own name. Returns how many bytes of body that are.
    fn own(&mut self, own: &OwnAnswer<'_>, request_done: bool) -> u64;
}

/// What an exchange is about, apart from its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) world: &'a World,
    pub(crate) listener: &'a Listener,
    pub(crate) deadline: &'a Deadline,
    /// What the endpoint is told about the client.
    pub(crate) client: ClientFacts<'a>,
    /// What the client of a stream of TLS has said first, which its route goes by.
    pub(crate) hello: Option<&'a ClientHello>,
    /// When the first byte of the request was there; of a stream, when it was let in.
    pub(crate) started: Instant,
    /// When its head was; known only if somebody wants to read how long things took.
    pub(crate) arrived: Option<Instant>,
    /// How far it is, for whoever looks.
    pub(crate) progress: &'a Progress<'a>,
}

/// The messages of an exchange: the request as it comes in, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Messages<'a, B, A> {
    pub(crate) head: &'a RequestHead,
    pub(crate) framing: Framing,
    /// Whether the client waits for 100 before it sends its body.
    pub(crate) expects_continue: bool,
    /// The protocols that the client would rather speak.
    pub(crate) offer: Option<Offer>,
    pub(crate) body: Replay<B>,
    /// What moves `body` to the endpoint.
    pub(crate) upload: Pump,
    /// What the client is to be told about a limit. Boxed: it is rare.
    pub(crate) advice: Option<Box<Advice>>,
    /// What is translated of it, if it is a call of gRPC-Web on a route that wants that. Boxed: few are.
    pub(crate) web: Option<Box<Web>>,
    pub(crate) answer: A,
}

impl<B, A> Messages<'_, B, A> {
    /// Whether all of the request has gone out.
    fn is_sent(&self) -> bool {
        self.upload.is_done() || self.framing == Framing::Empty
    }

    /// Whether a client of HTTP/2 that wants a tunnel would take an answer with this status for one.
    fn would_be_tunnel(&self, status: u16) -> bool {
        let wants_tunnel = self.offer.is_some() && self.head.version == Version::Http2;
        wants_tunnel && (200..300).contains(&status)
    }

    /// Makes ready to send the request once more; false if the beginning of its body is gone.
    fn rewind(&mut self) -> bool {
        let is_whole = self.body.rewind();
        if is_whole {
            self.upload = Pump::default();
            self.web.iter_mut().for_each(|web| web.rewind());
        }
        is_whole
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended<'a> {
    /// The status of the answer, of a call of gRPC the one that stands for its own; `None` if the client saw nothing of any.
    pub(crate) status: Option<u16>,
    /// How a call of gRPC ended whose answer had begun: by what its endpoint has said, or by why it broke off.
    pub(crate) call: Option<Status>,
    /// Why it failed, if it did.
    pub(crate) failure: Option<Reason>,
    /// Whether the answer breaks off, so that the client must be made to see that.
    pub(crate) broken: bool,
    /// Bytes of body received from the client.
    pub(crate) bytes_in: u64,
    /// Bytes of body sent to the client.
    pub(crate) bytes_out: u64,
    /// Whether these bytes were counted as they went: those of tunnels and streams, which last.
    pub(crate) are_counted: bool,
    pub(crate) course: Course<'a>,
}

impl Ended<'_> {
    /// Whether it failed, or was answered by a failure.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some() || self.status.is_some_and(|status| status >= 500)
    }
}

/// What has become of an exchange.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    Ended(Ended<'a>),
    /// Both sides speak another protocol from now on. Boxed: it is rare, and large.
    Switched(Box<Switched>),
}

impl<'a> Exchange<'a> {
    /// Finds the way and an endpoint, and passes the request there and the answer back.
    pub(crate) async fn run<B: Source, A: Answer>(
        &self,
        messages: &mut Messages<'_, B, A>,
    ) -> Outcome<'a> {
        // The client took its time, too.
        let waited = self.arrived.map_or(Duration::ZERO, |arrived| arrived - self.started);
        let mut course = Course { waited, ..Course::default() };
        let way = match self.find_way(messages, &mut course) {
            Ok(way) => way,
            Err(reason) => return self.refused(course, reason, messages).await,
        };
        self.progress.follow(&course);
        self.keep_body(way, messages);
        let mut attempts = Attempts::new(way, course, messages.head.method.is_idempotent());
        let (mut next, mut reason) = match self.choose_first(&mut attempts, messages).await {
            Ok(turn) => (Some(turn), Reason::NoEndpoint),
            Err(reason) => (None, reason),
        };
        while let Some(mut turn) = next {
            self.progress.follow(&attempts.course);
            match self.attempt(&mut turn, messages, &mut attempts).await {
                Ok((attempt, head)) if head.status == 101 => {
                    match self.switch(&mut turn, (attempt, head), messages, &attempts.course) {
                        Some(switched) => return Outcome::Switched(Box::new(switched)),
                        None => reason = Reason::UpgradeRefused,
                    }
                    break;
                }
                // RFC 8441 §5: to its client this would be a tunnel.
                Ok((_, head)) if messages.would_be_tunnel(head.status) => {
                    reason = Reason::UpgradeRefused;
                    break;
                }
                Ok(mut answer) => {
                    if let Some(failure) = self.failure_in(&answer.1, attempts.way) {
                        // Boxed, here and below: it is rare, and every exchange would have room for it.
                        let instead =
                            self.instead_of(failure, (&mut turn, answer), messages, &mut attempts);
                        match Box::pin(instead).await {
                            Ok(other) => {
                                next = Some(other);
                                continue;
                            }
                            Err(same) => answer = same,
                        }
                    }
                    if let Some(mut left) = attempts.left.take() {
                        self.judge_loser(&mut left.turn);
                    }
                    let course = &mut attempts.course;
                    let ended = self.relay(&mut turn, answer, messages, course).await;
                    let ended = Ended { course: *course, ..ended };
                    if ended.has_failed() {
                        self.note_candidates(&attempts);
                    }
                    return Outcome::Ended(ended);
                }
                Err(setback) => {
                    if let Some(mut failed) = attempts.leave(turn) {
                        self.judge_failure(&mut failed, setback.reason);
                    }
                    reason = setback.reason;
                    next = match (attempts.next.take(), setback.failed) {
                        (None, Some(failed)) => {
                            let next = Box::pin(self.again(failed, &mut attempts, messages)).await;
                            next.or_else(|| self.go_back(reason, &mut attempts))
                        }
                        (next, _) => next,
                    };
                }
            }
        }
        self.note_candidates(&attempts);
        self.refused(attempts.course, reason, messages).await
    }

    /// Keeps as much of the request's body as another attempt may need, where there may be one.
    fn keep_body<B, A>(&self, way: Way<'_>, messages: &mut Messages<'_, B, A>) {
        let Cluster { resilience: Resilience { retry, .. }, http, .. } = &**way.cluster.plan;
        let has_body = messages.framing != Framing::Empty;
        // Over HTTP/2 an endpoint may say that it has not looked at what it was sent: that can be sent again whatever it is.
        let may_repeat = messages.head.method.is_idempotent() || *http != HttpVersion::Http1;
        if has_body && retry.attempts > 1 && may_repeat {
            let bytes = usize::try_from(retry.body).unwrap_or(usize::MAX);
            messages.body.keep(bytes, &self.worker.buffers.parked);
        }
    }

    async fn refused<B, A: Answer>(
        &self,
        course: Course<'a>,
        reason: Reason,
        messages: &mut Messages<'_, B, A>,
    ) -> Outcome<'a> {
        self.progress.follow(&course);
        Outcome::Ended(Ended { course, ..self.refuse(reason, messages).await })
    }

    /// Answers in our own name.
    async fn refuse<B, A: Answer>(
        &self,
        reason: Reason,
        messages: &mut Messages<'_, B, A>,
    ) -> Ended<'a> {
        self.progress.enter(Phase::Refusing);
        let bytes_in = messages.bytes_in();
        self.progress.failure.set(Some(reason));
        let mut ended = Ended { failure: Some(reason), bytes_in, ..Ended::default() };
        if reason == Reason::ClientGone {
            ended.broken = true;
            return ended;
        }
        let request_done = messages.is_sent();
        let (head, advice) = (messages.head, messages.advice.as_deref());
        let request_id = self.client.request_id(head);
        let asked = Asked { listener: self.listener, head: Some(head), request_id };
        ended.bytes_out = asked.refuse(&mut messages.answer, reason, advice, request_done);
        ended.broken = flush(&mut messages.answer, self.deadline, self.listener).await.is_err();
        // A client that is gone has seen no status.
        ended.status = Some(reason.status()).filter(|_| !ended.broken);
        ended
    }

    /// Whether somebody wants to read how long things took: reading the clock costs more than what is written down about it.
    fn is_timed(&self) -> bool {
        self.arrived.is_some()
    }

    fn patience(&self, target: Target<'_>) -> Patience<'_> {
        let patience = Patience::new(
            self.deadline,
            self.listener.timeouts,
            target.way.timeouts(),
            self.started,
        );
        if self.is_timed() { patience.timed() } else { patience }
    }
}

/// Sends what an answer still holds, for as long as the client takes any of it.
pub(crate) async fn flush(
    answer: &mut impl Sink,
    deadline: &Deadline,
    listener: &Listener,
) -> Result<(), Reason> {
    let mut flushed = None;
    poll_fn(|cx| {
        let outcome = answer.poll_flush(cx);
        if flushed != Some(answer.flushed()) {
            flushed = Some(answer.flushed());
            deadline.set(listener.timeouts.write);
        }
        match outcome {
            Poll::Pending if deadline.is_expired() => Poll::Ready(Err(Reason::ClientGone)),
            outcome => outcome.map_err(|_| Reason::ClientGone),
        }
    })
    .await
}

/// Adds to the class of `status`. 101 to 599 have one; what lies beyond is counted with the last.
pub(crate) fn count_status(classes: &[Counter; 5], status: u16) {
    classes[usize::from(status / 100).clamp(1, 5) - 1].add(1);
}
