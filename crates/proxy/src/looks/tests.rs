use std::future::pending;
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinHandle;

use super::*;

/// A worker's connections, each of which does nothing but show itself.
struct Crowd {
    deadlines: Rc<Deadlines>,
    looks: Rc<Looks>,
}

impl Crowd {
    fn new() -> Self {
        let deadlines = Rc::<Deadlines>::default();
        Self { looks: Rc::new(Looks::new(7, Rc::clone(&deadlines))), deadlines }
    }

    /// A connection that was opened at `opened` and has had an exchange since `exchange`, for ever.
    async fn join(
        &self,
        listener: &'static str,
        opened: u64,
        exchange: Option<u64>,
    ) -> JoinHandle<()> {
        let (deadlines, looks) = (Rc::clone(&self.deadlines), Rc::clone(&self.looks));
        let times = (Time::from_nanos(opened), exchange.map(Time::from_nanos));
        let task = spawn_local(async move {
            let deadline = poll_fn(|cx| Poll::Ready(deadlines.register(cx.waker().clone()))).await;
            let rest = std::pin::pin!(pending::<()>());
            let show = || looks.see(&deadline, listener, times, || seen(listener, opened));
            looks.watch(&deadline, rest, show).await;
        });
        yield_now().await;
        task
    }

    fn begin(&self, question: Question) -> mpsc::Receiver<Answer> {
        let (answers, told) = mpsc::channel();
        let tell: Tell = Arc::new(move |answer| drop(answers.send(answer)));
        self.looks.begin(Look { question, tell });
        told
    }

    async fn ask(&self, question: Question) -> Answer {
        let told = self.begin(question);
        loop {
            match told.try_recv() {
                Ok(answer) => return answer,
                Err(mpsc::TryRecvError::Empty) => yield_now().await,
                Err(mpsc::TryRecvError::Disconnected) => panic!("nobody answers any more"),
            }
        }
    }
}

fn seen(listener: &str, opened: u64) -> Connection {
    Connection {
        listener: listener.into(),
        client: ([127, 0, 0, 1], 5000).into(),
        open: Duration::ZERO,
        requests: opened,
        exchange: None,
    }
}

fn question(max: usize) -> Question {
    Question { max, ..Question::default() }
}

/// Which connections were shown, by when they were opened.
fn shown(answer: &Answer) -> Vec<u64> {
    answer.connections.iter().map(|connection| connection.requests).collect()
}

fn on_a_worker(test: impl AsyncFnOnce(Crowd)) {
    let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(test(Crowd::new()));
}

#[test]
fn all_are_counted_and_the_oldest_are_shown() {
    on_a_worker(async |crowd: Crowd| {
        // More than are woken at once, and in no order.
        for position in 0..600 {
            crowd.join("web", position * 7 % 601, None).await;
        }
        let answer = crowd.ask(question(3)).await;
        assert_eq!((answer.worker, answer.total), (7, 600));
        assert_eq!(shown(&answer), [0, 1, 2]);
        let all = crowd.ask(question(1000)).await;
        assert_eq!((all.total, all.connections.len()), (600, 600));
        assert!(shown(&all).is_sorted());
        assert_eq!(crowd.ask(question(0)).await, Answer { connections: Vec::new(), ..all });
    });
}

#[test]
fn the_longest_running_exchanges_are_shown_however_old_their_connections_are() {
    on_a_worker(async |crowd: Crowd| {
        for (opened, exchange) in [(1, Some(30)), (2, None), (3, Some(10)), (4, Some(20))] {
            crowd.join("web", opened, exchange).await;
        }
        let answer = crowd.ask(Question { exchanges_only: true, ..question(2) }).await;
        assert_eq!((answer.total, shown(&answer)), (3, vec![3, 4]));
    });
}

#[test]
fn a_listener_can_be_asked_for() {
    on_a_worker(async |crowd: Crowd| {
        for (opened, listener) in [(1, "web"), (2, "api"), (3, "web")] {
            crowd.join(listener, opened, None).await;
        }
        let of = |name: &str| Question { listener: Some(name.into()), ..question(9) };
        assert_eq!(shown(&crowd.ask(of("web")).await), [1, 3]);
        assert_eq!(crowd.ask(of("none")).await, Answer { worker: 7, ..Answer::default() });
    });
}

#[test]
fn who_ends_while_somebody_looks_is_not_waited_for() {
    on_a_worker(async |crowd: Crowd| {
        let staying = crowd.join("web", 1, None).await;
        let leaving = crowd.join("web", 2, None).await;
        // Nobody polls this one: it cannot show itself.
        let _deaf = crowd.deadlines.register(Waker::noop().clone());
        let told = crowd.begin(question(9));
        leaving.abort();
        for _ in 0..9 {
            yield_now().await;
        }
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(_deaf);
        while crowd.looks.open.get() {
            yield_now().await;
        }
        assert_eq!(shown(&told.try_recv().unwrap()), [1]);
        staying.abort();
    });
}

#[test]
fn looks_are_answered_one_after_the_other_and_too_many_are_not() {
    on_a_worker(async |crowd: Crowd| {
        crowd.join("web", 1, None).await;
        let asked: Vec<_> = (0..=LOOKS_WAITING_MAX).map(|max| crowd.begin(question(max))).collect();
        while crowd.looks.open.get() {
            yield_now().await;
        }
        let answers: Vec<_> = asked.iter().map(|told| told.try_recv()).collect();
        let (refused, answered) = answers.split_last().unwrap();
        assert_eq!(*refused, Err(mpsc::TryRecvError::Disconnected));
        for (max, answer) in answered.iter().enumerate() {
            let answer = answer.as_ref().unwrap();
            assert_eq!((answer.total, answer.connections.len()), (1, max.min(1)));
        }
    });
}
