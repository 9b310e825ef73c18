//! What is to be simulated, made of the arguments, the named scenario, the config, the log and what was measured. Asked by
//! `command`.

use std::time::Duration;

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::overload::{Adapts, Limits};
use evenkeel_plan::retry::RetryPolicy;
use evenkeel_sim::{
    Arrivals, Change, Effect, EndpointModel, Mistake, NamedScenario, Scenario, Target,
};

use crate::failure::Failure;

use super::Args;
use super::cluster::{self, Origin};
use super::measured::Measured;
use super::replay::Log;

/// What is to be simulated.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) scenario: Scenario,
    /// The one that it was made from, if it has a name.
    pub(super) named: Option<NamedScenario>,
    /// What it is about, in a sentence, as long as that is true.
    pub(super) story: Option<&'static str>,
    /// Where its endpoints come from, if from a config.
    pub(super) origin: Option<Origin>,
    /// In the order in which they are shown.
    pub(super) algorithms: Vec<Algorithm>,
    /// What is shown beside them.
    pub(super) measured: Option<Measured>,
}

impl Setting {
    /// Reads what `args` name, and checks all of it.
    pub(super) fn new(args: &Args) -> Result<Self, Failure> {
        let mut scenario = args.scenario.map_or_else(nothing_wrong, |named| named.scenario());
        let config = args.config.as_ref();
        let cluster = args.cluster.as_deref();
        let origin = config.map(|file| cluster::adopt(&mut scenario, file, cluster)).transpose()?;
        people(&mut scenario, args)?;
        choices(&mut scenario, args);
        load(&mut scenario, args)?;
        let algorithms = args.algorithms.0.clone();
        let is_told = args.events.is_empty() && args.endpoints.is_none();
        let story = args.scenario.filter(|_| is_told).map(|named| named.story);
        let measured = args.measured.as_deref().map(Measured::read).transpose();
        let measured = measured.map_err(Failure::Running)?;
        if let Some(measured) = &measured {
            scenario.points = measured.points_of(scenario.load.duration);
        }
        let setting = Self { scenario, named: args.scenario, story, origin, algorithms, measured };
        setting.scenario.check()?;
        setting.check_assertions(args)?;
        Ok(setting)
    }

    /// Whether a client should stay with one endpoint.
    pub(super) fn wants_affinity(&self) -> bool {
        self.named.is_some_and(|named| named.wants_affinity)
    }

    /// That they speak of what there is.
    fn check_assertions(&self, args: &Args) -> Result<(), Failure> {
        let added = self.scenario.events.iter().filter_map(|event| match &event.change {
            Change::Endpoints(Target::Named(names), Effect::Add) => Some(names),
            _ => None,
        });
        let models = self.scenario.endpoints.iter().map(|model| &model.name);
        let names: Vec<&str> = models.chain(added.flatten()).map(String::as_str).collect();
        let mut wrong =
            args.assertions.iter().filter_map(|each| each.misses(&self.algorithms, &names));
        wrong.next().map_or(Ok(()), |sentence| Err(Failure::Usage(sentence)))
    }
}

/// What is simulated if nobody says anything.
fn nothing_wrong() -> Scenario {
    let mut scenario = Scenario::default();
    scenario.load.duration = Duration::from_mins(1);
    scenario
}

/// The endpoints, and what they can do.
fn people(scenario: &mut Scenario, args: &Args) -> Result<(), Failure> {
    let slots = scenario.endpoints.iter().find_map(|model| model.slots).or(Some(1));
    if let Some(endpoints) = &args.endpoints {
        scenario.endpoints.clone_from(&endpoints.0);
    } else if let (Some(speeds), None, None) = (&args.speeds, &args.scenario, &args.config) {
        scenario.endpoints = EndpointModel::several(speeds.0.len(), slots);
    }
    if args.endpoints.is_some() || args.config.is_some() {
        scenario.endpoints.iter_mut().for_each(|model| model.slots = slots);
    }
    for model in &mut scenario.endpoints {
        model.slots = args.concurrency.map_or(model.slots, |bound| bound.0);
        model.queue = args.queue.map_or(model.queue, |bound| bound.0);
    }
    let Some(speeds) = &args.speeds else { return Ok(()) };
    let (given, wanted) = (speeds.0.len(), scenario.endpoints.len());
    if given != wanted {
        let problem = format!("--speeds has {given} values, and there are {wanted} endpoints");
        return Err(Failure::Usage(problem));
    }
    for (model, speed) in scenario.endpoints.iter_mut().zip(&speeds.0) {
        model.speed = *speed;
    }
    Ok(())
}

/// What each option sets by itself.
fn choices(scenario: &mut Scenario, args: &Args) {
    scenario.seed = args.seed;
    scenario.work = args.service.unwrap_or(scenario.work);
    scenario.keys = args.keys.unwrap_or(scenario.keys);
    scenario.balancers = args.balancers.unwrap_or(scenario.balancers);
    scenario.gossip = args.gossip.or(scenario.gossip);
    scenario.timeout = args.timeout.unwrap_or(scenario.timeout);
    if let Some(resilience) = &args.resilience {
        scenario.resilience.clone_from(resilience);
    }
    if let Some(max) = args.retries {
        let retry = scenario.resilience.retry.get_or_insert_with(RetryPolicy::default);
        retry.attempts = max.saturating_add(1);
    }
    if args.no_health {
        scenario.health = None;
    }
    if args.no_limits {
        scenario.limits = Limits { requests: None, adaptive: Adapts::Never, ..Limits::default() };
    }
    if !args.events.is_empty() {
        scenario.events.clone_from(&args.events);
    }
}

/// When requests arrive.
fn load(scenario: &mut Scenario, args: &Args) -> Result<(), Failure> {
    if let Some(file) = &args.replay {
        let log = Log::read(file).map_err(Failure::Running)?;
        scenario.load.duration = log.duration();
        scenario.load.arrivals = Arrivals::Replay(log.requests);
    }
    if let Some(seconds) = args.seconds {
        scenario.load.duration = Duration::from_secs(seconds);
    }
    if let Some(arrivals) = &args.arrivals {
        scenario.load.arrivals = arrivals.clone();
    }
    if let Some(rate) = args.rps {
        scenario.load.rps = rate.per_second();
    }
    // A named scenario has its own rate, and so has a log.
    let has_rate = args.rps.is_some() || args.scenario.is_some() || args.replay.is_some();
    match args.load.or((!has_rate).then_some(LOAD)) {
        Some(share) => demand(scenario, share, args.load.is_some()),
        None => Ok(()),
    }
}

/// Makes so many requests arrive that they keep `share` of all slots busy.
fn demand(scenario: &mut Scenario, share: f64, is_asked_for: bool) -> Result<(), Failure> {
    scenario.load.rps = 1.0;
    match scenario.offered().filter(|offered| *offered > 0.0) {
        Some(offered) => scenario.load.rps = share / offered,
        None if is_asked_for => {
            let problem = "--load is a share of what the endpoints can do, and that is nothing, or has no bound; use --rps";
            return Err(Failure::Usage(problem.to_owned()));
        }
        None => scenario.load.rps = Scenario::default().load.rps,
    }
    Ok(())
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::Usage(mistake.to_string())
    }
}

/// High enough for algorithms to differ, and low enough for all of them to work.
const LOAD: f64 = 0.6;
