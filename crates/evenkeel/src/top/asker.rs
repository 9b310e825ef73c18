//! Asks the admin API again and again, and gives it orders, on a thread of its own: a balancer that is slow to answer must not
//! hold up the keys. Started by `command`.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use evenkeel_control::admin::{ReloadRequest, ReloadResult, Status};
use evenkeel_control::events::Event;

use crate::admin_client::{AdminClient, Change, ClientError};
use crate::status::unix_seconds;

use super::command::Input;

/// What the balancer said at one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) status: Status,
    /// What happened since the last look, the oldest first.
    pub(super) events: Vec<Event>,
    /// When, in seconds of Unix time.
    pub(super) now: f64,
}

/// What somebody wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Change(Change),
    Reload,
}

/// What comes of asking.
#[derive(Debug)]
pub(super) enum News {
    Seen(Box<Look>),
    /// There was no answer: why, and when that was, in seconds of Unix time.
    Lost {
        why: String,
        now: f64,
    },
    /// An order was carried out: what changed, one line each.
    Done(Vec<String>),
    /// It was not; the sentence says why.
    Refused(String),
}

/// Who asks.
pub(super) struct Asker {
    client: AdminClient,
    interval: Duration,
    /// The last event that was seen.
    last_event: u64,
}

impl Asker {
    pub(super) fn new(client: AdminClient, interval: Duration) -> Self {
        Asker { client, interval, last_event: 0 }
    }

    /// Asks once.
    pub(super) fn look(&mut self) -> Result<Look, ClientError> {
        let status = self.client.status()?.meaning;
        let told = self.client.events(self.last_event)?;
        if told.last < self.last_event {
            // Another process answers now, which counts anew: its events come with the next look.
            self.last_event = 0;
        } else {
            self.last_event = told.last;
        }
        Ok(Look { status, events: told.events, now: unix_seconds() })
    }

    /// Goes on until nobody is there to give orders or to hear news.
    pub(super) fn start(self, orders: Receiver<Order>, news: Sender<Input>) -> io::Result<()> {
        thread::Builder::new().name("asker".to_owned()).spawn(move || self.ask(&orders, &news))?;
        Ok(())
    }

    fn ask(mut self, orders: &Receiver<Order>, news: &Sender<Input>) {
        let mut due = Instant::now() + self.interval;
        loop {
            match orders.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(order) => {
                    if news.send(Input::News(self.carry_out(order))).is_err() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // After an order too, for what it changed wants to be seen.
            let seen = match self.look() {
                Ok(look) => News::Seen(Box::new(look)),
                Err(error) => News::Lost { why: error.to_string(), now: unix_seconds() },
            };
            if news.send(Input::News(seen)).is_err() {
                return;
            }
            due = Instant::now() + self.interval;
        }
    }

    fn carry_out(&self, order: Order) -> News {
        let done = match order {
            Order::Change(change) => self.client.change(&change).map(|said| said.meaning.changes),
            Order::Reload => self.client.reload(ReloadRequest::default()).map(|said| {
                let reloaded = said.meaning;
                match reloaded.result {
                    ReloadResult::Unchanged => {
                        vec!["the config was read: nothing changed".to_owned()]
                    }
                    ReloadResult::Applied | ReloadResult::Refused => reloaded.changes,
                }
            }),
        };
        match done {
            Ok(changes) => News::Done(changes),
            Err(error) => News::Refused(error.to_string()),
        }
    }
}
