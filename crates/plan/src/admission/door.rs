//! What a listener asks of each connection, as soon as it is accepted.

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::crowd::{Crowd, Entered, Presence};
use super::networks::Networks;
use crate::rate::{Prefixes, Quota, RateTable};
use crate::time::Time;

/// What a listener asks of each connection. Goes by the address of the connection, which is a proxy's if there is one in between.
#[derive(Debug)]
pub struct Door {
    /// Whose connections are taken.
    pub networks: Networks,
    /// How many may be open; `None` for what the descriptor limit allows.
    pub seats: Option<SeatLimit>,
    /// How many of one client may be open; `None` for any number.
    pub per_client: Option<PerClient>,
    /// How many a client may open in which time; `None` for any number.
    pub rate: Option<ConnectionRate>,
}

/// How many connections a listener may have.
#[derive(Clone, Debug)]
pub struct SeatLimit {
    /// So many.
    pub max: u32,
    /// Outlives this plan; carried over by whoever makes the next one.
    pub seats: Arc<Seats>,
}

/// How many connections one client may have.
#[derive(Clone, Debug)]
pub struct PerClient {
    /// So many.
    pub max: u32,
    /// Outlives this plan, with the secret; carried over by whoever makes the next one.
    pub crowd: Arc<Crowd>,
    /// What clients' networks are hashed with.
    pub secret: RandomState,
}

/// How fast a client may open connections.
#[derive(Clone, Debug)]
pub struct ConnectionRate {
    /// How many.
    pub quota: Quota,
    /// What a client is.
    pub prefixes: Prefixes,
    /// Outlives this plan, with the secret; carried over by whoever makes the next one.
    pub table: Arc<RateTable>,
    /// What clients' networks are hashed with.
    pub secret: RandomState,
}

/// Why a connection is closed as soon as it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its client is of a network that is not served.
    Denied,
    /// Its client opens too many in too little time.
    Rate,
    /// Its client has too many.
    PerClient,
}

impl Refusal {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every one, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Denied, Self::Rate, Self::PerClient];

    /// The machine-readable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Rate => "rate",
            Self::PerClient => "per_client",
        }
    }
}

impl Door {
    /// A seat for one more connection: `None` if there is none, `Some(None)` if they are not counted.
    pub fn seat(&self) -> Option<Option<Seat>> {
        match &self.seats {
            None => Some(None),
            Some(SeatLimit { max, seats }) => seats.take(*max).map(Some),
        }
    }

    /// Whether `other` asks the same, and goes on with the same counts.
    pub fn is_same(&self, other: &Self) -> bool {
        let seats = |door: &Self| door.seats.as_ref().map(|it| (it.max, Arc::as_ptr(&it.seats)));
        let clients =
            |door: &Self| door.per_client.as_ref().map(|it| (it.max, Arc::as_ptr(&it.crowd)));
        let rate = |door: &Self| {
            let rate = door.rate.as_ref();
            rate.map(|it| (it.quota, it.prefixes, Arc::as_ptr(&it.table)))
        };
        self.networks == other.networks
            && seats(self) == seats(other)
            && clients(self) == clients(other)
            && rate(self) == rate(other)
    }

    /// Whether a connection of `client` may stay. What is given back has to be kept for as long as it does.
    ///
    /// # Errors
    /// Why it may not.
    pub fn enter(&self, client: IpAddr, now: Time) -> Result<Option<Presence>, Refusal> {
        if !self.networks.admit(client) {
            return Err(Refusal::Denied);
        }
        let presence = match &self.per_client {
            None => None,
            Some(PerClient { max, crowd, secret }) => {
                match crowd.enter(Prefixes::default().hash(secret, client), *max) {
                    Entered::Counted(presence) => Some(presence),
                    Entered::Uncounted => None,
                    Entered::Refused => return Err(Refusal::PerClient),
                }
            }
        };
        if let Some(ConnectionRate { quota, prefixes, table, secret }) = &self.rate
            && !table.take(*quota, prefixes.hash(secret, client), now, 1).allowed
        {
            return Err(Refusal::Rate);
        }
        Ok(presence)
    }
}

/// How many connections a listener has, among all workers.
#[derive(Debug, Default)]
pub struct Seats {
    taken: AtomicU32,
}

impl Seats {
    /// One of `max` seats, if one is free.
    pub fn take(self: &Arc<Self>, max: u32) -> Option<Seat> {
        let more = |taken: u32| (taken < max).then_some(taken.saturating_add(1));
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then(|| Seat(Arc::clone(self)))
    }
}

/// One connection's place in the count of its listener.
#[derive(Debug)]
pub struct Seat(Arc<Seats>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::{Per, Rate};

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn door() -> Door {
        Door {
            networks: Networks::new(&[], &["192.0.2.9/32".parse().unwrap()]),
            seats: None,
            per_client: Some(PerClient {
                max: 2,
                crowd: Arc::new(Crowd::new(64)),
                secret: RandomState::new(),
            }),
            rate: Some(ConnectionRate {
                quota: Quota::new(Rate { count: 1, per: Per::Hour }, 3),
                prefixes: Prefixes::default(),
                table: Arc::new(RateTable::new(64)),
                secret: RandomState::new(),
            }),
        }
    }

    #[test]
    fn a_connection_is_refused_by_network_then_number_then_rate() {
        let (door, now) = (door(), Time::START);
        assert_eq!(door.enter(client(9), now).unwrap_err(), Refusal::Denied);
        let both = [door.enter(client(1), now).unwrap(), door.enter(client(1), now).unwrap()];
        assert!(both.iter().all(Option::is_some));
        // Who has too many uses up nothing of the rate.
        assert_eq!(door.enter(client(1), now).unwrap_err(), Refusal::PerClient);
        drop(both);
        assert!(door.enter(client(1), now).is_ok());
        assert_eq!(door.enter(client(1), now).unwrap_err(), Refusal::Rate);
        // And who comes too fast is not counted as being here.
        assert!(door.enter(client(2), now).is_ok());
    }

    #[test]
    fn seats_are_free_again_when_they_are_left() {
        let seats = Arc::<Seats>::default();
        let taken = [seats.take(2), seats.take(2)];
        assert!(seats.take(2).is_none());
        drop(taken);
        assert!(seats.take(1).is_some());
    }

    #[test]
    fn a_refusal_is_found_at_its_own_number() {
        for (number, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, number);
        }
    }
}
