//! What a scenario is, and what it says of itself. Played by [`super::run`].

use evenkeel_testkit::stamping::Conduct;

use super::stage::Stage;
use crate::Outcome;
use crate::bench::contender::Contender;

/// One thing that is broken on purpose, and what has to hold all the same.
pub(super) struct Scenario {
    /// One word, with hyphens.
    pub(super) name: &'static str,
    /// What is done, in a sentence.
    pub(super) what: &'static str,
    /// What has to hold for Evenkeel besides the invariants, in words; the gates say the same in numbers.
    pub(super) goal: &'static str,
    /// Why Evenkeel does not reach it yet: a miss is then a known gap, and neither passed nor failed.
    pub(super) expected_to_fail: Option<&'static str>,
    /// Whether it is left out of the short form.
    pub(super) long_only: bool,
    /// Whether the machine has no room for others beside it.
    pub(super) alone: bool,
    /// Who can be asked to do what it is about.
    pub(super) balancers: &'static [Contender],
    /// What is to be there when it begins.
    pub(super) scenery: fn() -> Scenery,
    pub(super) play: fn(&mut Stage) -> Outcome<Vec<Gate>>,
}

impl Scenario {
    /// What most are in: the usual scenery, for everybody, beside others, in both forms. It has no name and no play of its own.
    pub(super) const PLAIN: Self = Self {
        name: "",
        what: "",
        goal: "",
        expected_to_fail: None,
        long_only: false,
        alone: false,
        balancers: ALL,
        scenery: Scenery::default,
        play: |_| Err("the scenario has no play".into()),
    };
}

/// What is there when a scenario begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenery {
    pub(super) origins: usize,
    /// How all of them behave at first.
    pub(super) conduct: Conduct,
    pub(super) log: Log,
    /// The balancer may have no more descriptors.
    pub(super) descriptors: Option<u32>,
    /// The last origin is in a network of its own, at the end of a cable that can be pulled.
    pub(super) far: bool,
    /// What Evenkeel's config says about the pool of idle connections, as a table in TOML.
    pub(super) pool: Option<&'static str>,
}

/// Where the balancer writes a line for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    Off,
    /// A disk without room: `/dev/full`.
    Full,
    /// A pipe from which nobody reads.
    Stalled,
}

impl Default for Scenery {
    /// Three that can do 100 requests per second each, so that the usual load is 60 % of what all can do.
    fn default() -> Self {
        let service = std::time::Duration::from_millis(20);
        let conduct = Conduct { service, concurrency: 2, ..Conduct::default() };
        Self { origins: 3, conduct, log: Log::Off, descriptors: None, far: false, pool: None }
    }
}

/// A count that may not be larger than it is allowed to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) what: String,
    pub(super) found: usize,
    pub(super) allowed: usize,
}

impl Gate {
    pub(super) fn new(what: &str, found: usize, allowed: usize) -> Self {
        Self { what: what.to_owned(), found, allowed }
    }

    /// At most so many of ten thousand, and the one that a short ledger could not be without.
    pub(super) fn share(what: &str, found: usize, of: usize, per_ten_thousand: usize) -> Self {
        Self::new(what, found, (of * per_ten_thousand).div_ceil(10_000))
    }

    pub(super) fn holds(&self) -> bool {
        self.found <= self.allowed
    }

    /// What was found where it does not hold.
    pub(super) fn miss(&self) -> String {
        format!("{}: {}, allowed {}", self.what, self.found, self.allowed)
    }
}

/// All who take part.
pub(super) const ALL: &[Contender] = &[Contender::Evenkeel, Contender::Haproxy, Contender::Nginx];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_holds_up_to_what_is_allowed() {
        assert!(Gate::new("lost", 0, 0).holds());
        let gate = Gate::new("lost", 2, 1);
        assert!(!gate.holds());
        assert_eq!(gate.miss(), "lost: 2, allowed 1");
    }

    #[test]
    fn a_share_is_rounded_up() {
        assert_eq!(Gate::share("lost", 0, 360, 100).allowed, 4);
        assert_eq!(Gate::share("lost", 0, 1000, 10).allowed, 1);
        assert_eq!(Gate::share("lost", 0, 0, 100).allowed, 0);
    }
}
