//! What the conductor can be asked for while it runs, and what it answers. Sent by [`Desk`], which the admin API and the binary hold.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::ToSchema;

use super::Kept;
use crate::admin::{ReloadResult, Trigger};
use crate::config::Report;
use crate::overrides::Change;

/// Something that the conductor is to do.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) wish: Wish,
    /// The revision that whoever asks has seen; `None` if it does not matter.
    pub(crate) seen: Option<String>,
    pub(crate) reply: oneshot::Sender<Result<Applied, Refused>>,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Read the file again.
    Reload(ReloadWish),
    /// Change something on top of it.
    Change(Change),
}

/// How the file is to be read again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReloadWish {
    pub(crate) trigger: Trigger,
    /// Forget the overrides.
    pub(crate) clear: bool,
    /// Write the overrides into the file first.
    pub(crate) persist: bool,
}

/// What an order has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// Whether anything is different now.
    pub result: ReloadResult,
    /// What is different, one line each: `+` came, `-` went, `~` is different now.
    pub changes: Vec<String>,
    /// What is odd about it, for a person.
    pub warnings: Vec<String>,
    /// What became of the overrides, if they were to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// The number of the plan in force.
    pub generation: u64,
    /// The revision of the config in force.
    pub revision: String,
}

/// Why an order was not followed. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The config is not the one that whoever asks has seen.
    Outdated {
        /// What it is now.
        revision: String,
    },
    /// There is no such cluster or endpoint.
    Unknown(String),
    /// It does not go with what is there.
    Conflict(String),
    /// The file cannot be used.
    Config(Box<Report>),
    /// The config is right, but cannot be put in force here: an address is taken, say.
    Force(String),
    /// We are ending.
    Ending,
}

/// Where orders are handed in, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    orders: mpsc::Sender<Order>,
    closed: watch::Sender<bool>,
}

/// Where the conductor takes them from.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) orders: mpsc::Receiver<Order>,
    /// Whether nothing is done any more.
    pub(super) closed: watch::Receiver<bool>,
}

impl Desk {
    /// A desk, and where the conductor takes the orders from.
    pub(crate) fn new() -> (Self, Inbox) {
        let (orders, waiting) = mpsc::channel(ORDERS_WAITING_MAX);
        let (closed, inbox) = watch::channel(false);
        (Self { orders, closed }, Inbox { orders: waiting, closed: inbox })
    }

    /// From now on every order is refused, also those that wait and the one that is being followed: what is about to end needs no
    /// other plan, and must not wait for one.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Hands in a wish and waits until it is done. One after the other: orders never overlap.
    pub(crate) async fn order(&self, wish: Wish) -> Result<Applied, Refused> {
        self.order_if(None, wish).await
    }

    /// The same, unless the config has another revision by then than `seen`.
    pub(crate) async fn order_if(
        &self,
        seen: Option<String>,
        wish: Wish,
    ) -> Result<Applied, Refused> {
        if *self.closed.borrow() {
            return Err(Refused::Ending);
        }
        let (reply, done) = oneshot::channel();
        self.orders.send(Order { wish, seen, reply }).await.map_err(|_| Refused::Ending)?;
        done.await.unwrap_or(Err(Refused::Ending))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outdated { revision } => {
                write!(
                    f,
                    "the config has changed since: its revision is {revision:?} now; look at it again"
                )
            }
            Self::Unknown(text) | Self::Conflict(text) | Self::Force(text) => f.write_str(text),
            Self::Config(report) => f.write_str(&report.render(false)),
            Self::Ending => f.write_str("the balancer is stopping"),
        }
    }
}

impl std::error::Error for Refused {}

/// More wait at the door.
const ORDERS_WAITING_MAX: usize = 64;
