//! The four origins and what can be done to them. `performance` directs them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_sim::Condition;
use hyper::StatusCode;
use tokio::sync::watch;

use crate::failure::Failure;
use crate::origin::{Behaviour, Origin, Setup, Spread};
use crate::units;

/// What one origin is like.
pub(super) struct Role {
    pub(super) name: &'static str,
    /// In a word.
    pub(super) nature: &'static str,
    /// The mean of its delays.
    delay: Duration,
    /// The share of exchanges that fail.
    fail: &'static str,
}

/// Everyone who plays.
pub(super) const ROLES: [Role; 4] = [
    Role { name: "A", nature: "good", delay: GOOD_DELAY, fail: "0" },
    Role { name: "B", nature: "good", delay: GOOD_DELAY, fail: "0" },
    Role { name: "C", nature: "slow", delay: SLOW_DELAY, fail: "0" },
    Role { name: "D", nature: "flaky", delay: GOOD_DELAY, fail: "3%" },
];

/// The position of the slow one.
pub(super) const SLOW: usize = 2;

/// The position of the only one that answers with errors.
pub(super) const FLAKY: usize = 3;

/// The origins, of which at most one is dead.
pub(super) struct Cast {
    members: Vec<Member>,
    dead: Option<usize>,
    next_victim: usize,
    is_slow: bool,
}

struct Member {
    origin: Origin,
    behaviour: watch::Sender<Behaviour>,
}

impl Cast {
    /// Starts all on free ports.
    pub(super) async fn start() -> Result<Cast, Failure> {
        let mut members = Vec::with_capacity(ROLES.len());
        for role in &ROLES {
            members.push(Member::start(role).await?);
        }
        Ok(Cast { members, dead: None, next_victim: 0, is_slow: true })
    }

    /// Where they listen, in the order of [`ROLES`].
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| member.origin.address()).collect()
    }

    /// Kills the next in turn unless one is dead already; says who died.
    pub(super) async fn kill(&mut self) -> Option<usize> {
        if self.dead.is_some() {
            return None;
        }
        let victim = self.next_victim;
        self.members[victim].origin.kill().await;
        self.next_victim = (victim + 1) % self.members.len();
        self.dead = Some(victim);
        self.dead
    }

    /// Revives the dead one, if there is one; says who it was. It fails if its port was taken.
    pub(super) async fn revive(&mut self) -> Result<Option<usize>, Failure> {
        let Some(position) = self.dead else { return Ok(None) };
        let revived = self.members[position].origin.revive().await;
        revived.map_err(|error| Failure::Running(error.to_string()))?;
        Ok(self.dead.take())
    }

    /// Makes the slow one as fast as the others, or slow again; returns its new mean delay.
    pub(super) fn change_pace(&mut self) -> Duration {
        self.is_slow = !self.is_slow;
        let mean = if self.is_slow { SLOW_DELAY } else { GOOD_DELAY };
        self.members[SLOW].behaviour.send_modify(|behaviour| behaviour.delay = SPREAD.around(mean));
        mean
    }
}

impl Member {
    async fn start(role: &Role) -> Result<Member, Failure> {
        let (behaviour, following) = watch::channel(behaviour(role)?);
        let setup = Setup {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            name: Some(role.name.to_owned()),
            capacity: None,
            requested: Arc::default(),
        };
        let started = Origin::start(setup, following).await;
        let origin = started.map_err(|error| Failure::Running(error.to_string()))?;
        Ok(Member { origin, behaviour })
    }
}

fn behaviour(role: &Role) -> Result<Behaviour, Failure> {
    Ok(Behaviour {
        delay: SPREAD.around(role.delay),
        fail: units::share(role.fail).map_err(Failure::Running)?,
        fail_status: StatusCode::SERVICE_UNAVAILABLE,
        body_bytes: BODY_BYTES,
        is_healthy: true,
        condition: Condition::WELL,
    })
}

impl Role {
    /// The words of `evenkeel origin` that start its like.
    pub(super) fn words(&self) -> String {
        let delay = self.delay.as_millis();
        let mut words = format!("--name {} --delay {delay}ms", self.name);
        if self.fail != "0" {
            words.push_str(&format!(" --fail {}", self.fail));
        }
        words
    }
}

/// As real services do.
const SPREAD: Spread = Spread::Lognormal;

/// A service that does a little work.
const GOOD_DELAY: Duration = Duration::from_millis(5);

/// So slow that an equal share of the load would be felt by everybody.
const SLOW_DELAY: Duration = Duration::from_millis(60);

/// A small JSON answer.
const BODY_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn they_die_in_turn_and_one_at_a_time() {
        let mut cast = Cast::start().await.unwrap();
        assert_eq!(cast.revive().await.unwrap(), None);
        for victim in [0, 1, 2, 3, 0] {
            let address = cast.addresses()[victim];
            assert_eq!(cast.kill().await, Some(victim));
            assert!(TcpStream::connect(address).await.is_err());
            assert_eq!(cast.kill().await, None);
            assert_eq!(cast.revive().await.unwrap(), Some(victim));
            assert!(TcpStream::connect(address).await.is_ok());
        }
    }

    #[test]
    fn the_positions_are_those_of_the_natures() {
        assert_eq!(ROLES[SLOW].nature, "slow");
        assert_eq!(ROLES[FLAKY].nature, "flaky");
        let failing = |role: &Role| role.fail != "0";
        assert_eq!(ROLES.iter().position(failing), Some(FLAKY));
        assert_eq!(ROLES.iter().filter(|role| failing(role)).count(), 1);
    }
}
