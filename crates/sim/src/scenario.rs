//! What is simulated: endpoints, load, events and chance. Written by whoever calls [`run`](crate::run).

use std::time::Duration;

use evenkeel_plan::balance::Balancing;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::limits::WEIGHT_MAX;
use evenkeel_plan::overload::Limits;

use crate::distribution::Distribution;
use crate::event::{Change, Event};
use crate::keys::Keys;
use crate::load::{Arrivals, Load};
use crate::mistake::Mistake;
use crate::resilience::Resilience;
use crate::units::{DURATION_MAX, is_factor};

/// One cluster under one load. Equal scenarios give equal reports, and every algorithm meets the same requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The endpoints of the cluster, 1 to [`ENDPOINTS_MAX`]; those that an event adds later may be among them.
    pub endpoints: Vec<EndpointModel>,
    /// How they are chosen, whatever the algorithm.
    pub balancing: Balancing,
    /// When requests arrive.
    pub load: Load,
    /// How much work a request is.
    pub work: Distribution,
    /// Who asks. A replayed load brings its own.
    pub keys: Keys,
    /// What happens meanwhile.
    pub events: Vec<Event>,
    /// Whether a client has a cookie that says which endpoint answered it last, and goes there again whatever the algorithm, as
    /// with the config's `sticky = { cookie = … }`; it is taken for granted where [`Scenario::balancing`] has such a cookie.
    pub sessions: bool,
    /// What endpoints remember of earlier requests; `None` for nothing.
    pub cache: Option<Cache>,
    /// How each balancer checks the endpoints; `None` when it does not. A dead endpoint fails every check. One that is
    /// frozen fails HTTP checks: a kernel accepts for it, so TCP checks pass. Slowness and wrong answers to others are not
    /// seen.
    pub health: Option<HealthCheck>,
    /// How long the client waits for its answer; more than nothing.
    pub timeout: Duration,
    /// What balancers do about failures, beyond checking.
    pub resilience: Resilience,
    /// How much work endpoints get at a time, and what becomes of the rest. Each balancer has limits and a queue of its own, in which all
    /// requests are equally important.
    pub limits: Limits,
    /// How many balancers share the load at random, each counting only what it sent itself; 1 to [`BALANCERS_MAX`].
    pub balancers: u32,
    /// How often the balancers tell each other what they have in flight; `None` for never. In between, that is out of date.
    pub gossip: Option<Duration>,
    /// How many points the series of the report has, 1 to [`POINTS_MAX`].
    pub points: u32,
    /// Where all chance comes from.
    pub seed: u64,
}

/// An endpoint of the simulated cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointModel {
    /// Names it in events and in the report.
    pub name: String,
    /// Its weight, as in the config; 0 takes no work.
    pub weight: u32,
    /// Whether it gets work only while no other can.
    pub backup: bool,
    /// Which endpoints it stands in for: those of lower numbers.
    pub priority: u8,
    /// How many requests it works on at once, each at full speed; `None` for any number.
    pub slots: Option<u32>,
    /// How fast it works: at 2, work takes half its time.
    pub speed: f64,
    /// How many requests may wait for a slot, first come first served; it turns away what comes then. `None` for any number.
    pub queue: Option<u32>,
    /// The share of requests that it answers with an error, 0 to 1: status 503, as when a queue is full.
    pub errors: f64,
}

/// A memory of keys that each endpoint has; what was not asked for the longest makes room. It dies with the endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cache {
    /// How many keys an endpoint remembers, rounded up to eights: each key has to find room among eight places.
    pub keys: u32,
    /// How many times as much work a request is whose key is not remembered.
    pub miss: f64,
}

impl EndpointModel {
    /// An endpoint that works on `slots` requests at once, at speed 1; it weighs 1 and lets any number wait.
    pub fn new(name: impl Into<String>, slots: Option<u32>) -> Self {
        Self {
            name: name.into(),
            weight: 1,
            backup: false,
            priority: 0,
            slots,
            speed: 1.0,
            queue: None,
            errors: 0.0,
        }
    }

    /// `count` equal ones, named `s1`, `s2` and so on.
    pub fn several(count: usize, slots: Option<u32>) -> Vec<Self> {
        (1..=count).map(|number| Self::new(format!("s{number}"), slots)).collect()
    }

    fn check(&self) -> Result<(), Mistake> {
        let problem = if self.weight > WEIGHT_MAX {
            format!("weighs more than {WEIGHT_MAX}")
        } else if self.slots == Some(0) {
            "has no slot to work in".to_owned()
        } else if !is_factor(self.speed) {
            "has a speed that is not from 0.000001 to 1000000".to_owned()
        } else if !(0.0..=1.0).contains(&self.errors) {
            "has a share of errors that is not from 0 to 1".to_owned()
        } else {
            return Ok(());
        };
        Err(Mistake::new(format!("endpoint `{}` {problem}", self.name)))
    }
}

impl Default for Scenario {
    /// Five endpoints with a slot each under 300 requests a second of 10 ms each, at random, for 30 s: six tenths of what
    /// they can do.
    fn default() -> Self {
        Self {
            endpoints: EndpointModel::several(5, Some(1)),
            balancing: Balancing::default(),
            load: Load::default(),
            work: Distribution::Exponential(Duration::from_millis(10)),
            keys: Keys::default(),
            events: Vec::new(),
            sessions: false,
            cache: None,
            health: Some(default_check()),
            timeout: Duration::from_secs(60),
            resilience: Resilience::default(),
            limits: Limits::default(),
            balancers: 1,
            gossip: None,
            points: 120,
            seed: 1,
        }
    }
}

impl Scenario {
    /// The share of all slots, but for those of backups, that the load keeps busy on average before any event; `None` where
    /// slots have no bound, and where nobody else serves.
    pub fn offered(&self) -> Option<f64> {
        let capacity = |model: &EndpointModel| Some(f64::from(model.slots?) * model.speed);
        let serving = self.endpoints.iter().filter(|model| !model.backup && model.weight > 0);
        let capacity: f64 = serving.map(capacity).sum::<Option<f64>>()?;
        let demand = self.load.mean_rate() * self.work.mean().as_secs_f64();
        (capacity > 0.0).then_some(demand / capacity)
    }

    /// Says what is wrong with it: bounds, names, events of unknown endpoints.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), Mistake> {
        crate::script::Script::of(self).map(|_| ())
    }

    /// Everything about it that needs no script.
    pub(crate) fn check_values(&self) -> Result<(), Mistake> {
        if !(1..=ENDPOINTS_MAX).contains(&self.endpoints.len()) {
            return Err(Mistake::new(format!("there may be 1 to {ENDPOINTS_MAX} endpoints")));
        }
        self.endpoints.iter().try_for_each(EndpointModel::check)?;
        self.load.check()?;
        self.work.check()?;
        self.keys.check()?;
        for event in &self.events {
            let example = "slow s2@10s..20s=x8";
            event.check().map_err(|problem| problem.within(&event.to_string(), example))?;
            if event.from >= self.load.duration {
                let end = self.load.duration.as_secs_f64();
                return Err(Mistake::new(format!(
                    "`{event}` begins when nobody asks any more: requests arrive for {end} s"
                )));
            }
            let is_of_rate = !matches!(event.change, Change::Endpoints(..));
            if is_of_rate && matches!(self.load.arrivals, Arrivals::Replay(_)) {
                return Err(Mistake::new(format!("`{event}`: a replayed load has its own rate")));
            }
        }
        self.check_cache()?;
        if !(1..=BALANCERS_MAX).contains(&self.balancers) {
            return Err(Mistake::new(format!("there may be 1 to {BALANCERS_MAX} balancers")));
        }
        if self.endpoints.len() * self.balancers as usize > VIEWS_MAX {
            return Err(Mistake::new(format!(
                "balancers times endpoints are more than {VIEWS_MAX}"
            )));
        }
        if !(1..=POINTS_MAX).contains(&self.points) {
            return Err(Mistake::new(format!("a series may have 1 to {POINTS_MAX} points")));
        }
        check_time("the client's patience", self.timeout)?;
        self.gossip.map_or(Ok(()), |every| check_time("the time between gossip", every))?;
        let Some(health) = &self.health else { return Ok(()) };
        if !(0.0..=1.0).contains(&health.jitter) {
            return Err(Mistake::new("the jitter of checks is from 0 to 1"));
        }
        check_time("the interval of checks", health.interval)
    }

    fn check_cache(&self) -> Result<(), Mistake> {
        let Some(cache) = self.cache else { return Ok(()) };
        if !is_factor(cache.miss) {
            return Err(Mistake::new("a miss costs 0.000001 to 1000000 times as much"));
        }
        if cache.keys == 0 || cache.keys as usize * self.endpoints.len() > CACHED_MAX {
            return Err(Mistake::new(format!(
                "the caches of all endpoints have room for 1 to {CACHED_MAX} keys"
            )));
        }
        Ok(())
    }
}

/// Whether it is long enough for a run to get anywhere, and not beyond all bounds.
fn check_time(what: &str, time: Duration) -> Result<(), Mistake> {
    if (Duration::from_millis(1)..=DURATION_MAX).contains(&time) {
        return Ok(());
    }
    Err(Mistake::new(format!("{what} is from 1ms to 365d")))
}

/// What the config's `health = "/"` means: a page is asked for, at the default pace.
pub fn default_check() -> HealthCheck {
    HealthCheck {
        kind: CheckKind::Http {
            method: "GET".into(),
            path: "/".into(),
            host: None,
            status: vec![200..=399],
            body: None,
        },
        ..HealthCheck::default()
    }
}

/// How many endpoints there may be.
pub const ENDPOINTS_MAX: usize = 10_000;

/// How many keys all caches together may remember, at four bytes each.
const CACHED_MAX: usize = 100_000_000;

/// How many balancers times endpoints there may be: each balancer keeps something for each endpoint.
const VIEWS_MAX: usize = 1_000_000;

/// How many balancers there may be.
pub const BALANCERS_MAX: u32 = 1_000;

/// How many points a series may have: each remembers what every endpoint got.
pub const POINTS_MAX: u32 = 600;
