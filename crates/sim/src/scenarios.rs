//! Scenarios with a name and a story, as data. The command line lists and runs them.

use std::time::Duration;

use crate::distribution::Distribution;
use crate::event::Event;
use crate::keys::Keys;
use crate::load::{Arrivals, Load};
use crate::scenario::{Cache, EndpointModel, Scenario};

/// A scenario that is worth a name.
#[derive(Clone, Copy, Debug)]
pub struct NamedScenario {
    /// On the command line.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub story: &'static str,
    /// Whether a client should stay with one endpoint: asked by [`recommend`](crate::recommend).
    pub wants_affinity: bool,
    /// What happens, as one would write it on the command line.
    pub events: &'static [&'static str],
    base: fn() -> Scenario,
}

impl NamedScenario {
    /// All of them: failures first, then those of a textbook.
    pub const ALL: [Self; 13] = [
        SLOW_NODE,
        DEAD_NODE,
        HETEROGENEOUS,
        COLD_CACHE,
        BLACK_HOLE,
        FLAPPING,
        OVERLOAD,
        MANY_BALANCERS,
        IDENTICAL,
        LONG_JOBS,
        CART,
        STRONG_AND_WEAK,
        API,
    ];

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name == name)
    }

    /// Its parameters.
    pub fn scenario(&self) -> Scenario {
        // A test reads them all.
        let events = self.events.iter().filter_map(|text| text.parse::<Event>().ok()).collect();
        Scenario { events, ..(self.base)() }
    }
}

const SLOW_NODE: NamedScenario = NamedScenario {
    name: "slow-node",
    story: "One of five endpoints works eight times as slowly for ten seconds, and no check \
            sees it.",
    wants_affinity: false,
    events: &["slow s2@10s..20s=x8"],
    base: web,
};

const DEAD_NODE: NamedScenario = NamedScenario {
    name: "dead-node",
    story: "One of five endpoints dies, with what it was working on, and comes back ten \
            seconds later.",
    wants_affinity: false,
    events: &["kill s4@10s..20s"],
    base: web,
};

const HETEROGENEOUS: NamedScenario = NamedScenario {
    name: "heterogeneous",
    story: "Six machines of three generations, the oldest a quarter as fast as the newest, and \
            nobody has set weights.",
    wants_affinity: false,
    events: &[],
    base: || Scenario {
        endpoints: machines([1.0, 1.0, 1.0, 0.5, 0.5, 0.25].map(|speed| (10, speed, 1))),
        ..web()
    },
};

const COLD_CACHE: NamedScenario = NamedScenario {
    name: "cold-cache",
    story: "A sixth endpoint joins with empty caches: it is ten times as slow at first and \
            looks idle to everybody.",
    wants_affinity: false,
    events: &["add s6@10s", "cold s6@10s=x10,10s"],
    base: web,
};

const BLACK_HOLE: NamedScenario = NamedScenario {
    name: "black-hole",
    story: "One of five endpoints answers everything with an error within 2 ms, and so looks \
            like the one with the least to do.",
    wants_affinity: false,
    events: &["fast-fail s3@10s..20s"],
    base: web,
};

const FLAPPING: NamedScenario = NamedScenario {
    name: "flapping",
    story: "One of five endpoints dies and comes back every four seconds, as fast as checks \
            can tell.",
    wants_affinity: false,
    events: &["flap s2@10s..26s=4s"],
    base: web,
};

const OVERLOAD: NamedScenario = NamedScenario {
    name: "overload",
    story: "For ten seconds three times as many requests come as usual, more than all \
            endpoints can do; queues are short and clients wait for 2 s.",
    wants_affinity: false,
    events: &["surge x3@10s..20s"],
    base: || {
        let mut scenario = Scenario { timeout: Duration::from_secs(2), ..web() };
        scenario.endpoints.iter_mut().for_each(|endpoint| endpoint.queue = Some(100));
        scenario
    },
};

const MANY_BALANCERS: NamedScenario = NamedScenario {
    name: "many-balancers",
    story: "Sixteen balancers share twenty endpoints, and know what the others sent only as it \
            was half a second ago.",
    wants_affinity: false,
    events: &[],
    base: || Scenario {
        endpoints: EndpointModel::several(20, Some(1)),
        load: load(1_600.0, 30),
        work: Distribution::Exponential(MS * 10),
        balancers: 16,
        gossip: Some(MS * 500),
        ..Scenario::default()
    },
};

const IDENTICAL: NamedScenario = NamedScenario {
    name: "identical",
    story: "Four identical servers answer requests that are all about equally long.",
    wants_affinity: false,
    events: &[],
    base: || Scenario {
        endpoints: EndpointModel::several(4, Some(8)),
        load: load(1_000.0, 30),
        work: Distribution::Normal { mean: MS * 20, deviation: MS * 2 },
        ..Scenario::default()
    },
};

const LONG_JOBS: NamedScenario = NamedScenario {
    name: "long-jobs",
    story: "Jobs of five seconds to five minutes, such as reports and videos, on eight servers \
            that do four at once.",
    wants_affinity: false,
    events: &[],
    base: || Scenario {
        endpoints: EndpointModel::several(8, Some(4)),
        load: load(0.16, 12 * 3600),
        work: Distribution::Uniform { least: MS * 5_000, most: MS * 300_000 },
        timeout: Duration::from_hours(1),
        ..Scenario::default()
    },
};

const CART: NamedScenario = NamedScenario {
    name: "cart",
    story: "A shop keeps carts in the memory of its servers: a client that comes to another \
            one has its cart fetched at five times the cost.",
    wants_affinity: true,
    events: &[],
    base: || Scenario {
        endpoints: EndpointModel::several(4, Some(8)),
        load: load(600.0, 60),
        work: Distribution::LogNormal { median: MS * 10, sigma: 0.5 },
        keys: Keys::uniform(2_000),
        cache: Some(Cache { keys: 800, miss: 5.0 }),
        ..Scenario::default()
    },
};

const STRONG_AND_WEAK: NamedScenario = NamedScenario {
    name: "strong-and-weak",
    story: "One server is four times as strong as each of two others, and the weights say so.",
    wants_affinity: false,
    events: &[],
    base: || Scenario {
        endpoints: machines([(16, 1.0, 4), (4, 1.0, 1), (4, 1.0, 1)]),
        load: load(800.0, 30),
        ..web()
    },
};

const API: NamedScenario = NamedScenario {
    name: "api",
    story: "Independent API calls, most of them short and some of them long, on eight small \
            servers.",
    wants_affinity: false,
    events: &[],
    base: || Scenario {
        endpoints: EndpointModel::several(8, Some(2)),
        load: load(1_000.0, 30),
        work: Distribution::Bimodal { fast: MS * 5, slow: MS * 200, share: 0.03 },
        ..Scenario::default()
    },
};

/// A small web application: five endpoints that do ten requests at once, at half of what they can do.
fn web() -> Scenario {
    Scenario {
        endpoints: EndpointModel::several(5, Some(10)),
        load: load(1_000.0, 30),
        work: Distribution::LogNormal { median: MS * 20, sigma: 0.5 },
        ..Scenario::default()
    }
}

fn load(rps: f64, seconds: u64) -> Load {
    let duration = Duration::from_secs(seconds);
    Load { arrivals: Arrivals::Poisson, rps, duration, ..Load::default() }
}

/// Endpoints of these slots, speeds and weights.
fn machines<const N: usize>(machines: [(u32, f64, u32); N]) -> Vec<EndpointModel> {
    let model = |(number, (slots, speed, weight))| {
        let model = EndpointModel::new(format!("s{number}"), Some(slots));
        EndpointModel { speed, weight, ..model }
    };
    (1..).zip(machines).map(model).collect()
}

const MS: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use evenkeel_plan::balance::Algorithm;

    use super::*;
    use crate::report::{Errors, Report};
    use crate::resilience::Resilience;
    use crate::run::run;

    fn reports(name: &str) -> [Report; 3] {
        let scenario = NamedScenario::from_name(name).unwrap().scenario();
        let algorithms = [Algorithm::RoundRobin, Algorithm::Random, Algorithm::LeastRequest];
        algorithms.map(|algorithm| run(&scenario, algorithm, &mut |_| {}).unwrap())
    }

    #[test]
    fn all_are_sound_and_leave_room_for_what_happens() {
        for named in NamedScenario::ALL {
            let scenario = named.scenario();
            assert_eq!(scenario.events.len(), named.events.len(), "{}", named.name);
            scenario.check().unwrap();
            assert!((0.2..0.9).contains(&scenario.offered().unwrap()), "{}", named.name);
            assert_eq!(NamedScenario::from_name(named.name).unwrap().story, named.story);
        }
        assert!(NamedScenario::from_name("sunny-day").is_none());
    }

    #[test]
    fn least_request_is_best_where_endpoints_differ() {
        for (name, times) in [("slow-node", 1.5), ("heterogeneous", 1.5), ("long-jobs", 1.1)] {
            let [round_robin, random, least_request] =
                reports(name).map(|report| report.latency.unwrap().p99);
            let better = round_robin.div_duration_f64(least_request);
            assert!(better > times, "{name} {least_request:?} {round_robin:?}");
            assert!(least_request < random, "{name}");
        }
    }

    #[test]
    fn least_request_falls_into_the_black_hole_and_round_robin_does_not() {
        let mut scenario = NamedScenario::from_name("black-hole").unwrap().scenario();
        let mut errors = |resilience, algorithm| {
            scenario.resilience = resilience;
            run(&scenario, algorithm, &mut |_| {}).unwrap().error_share()
        };
        let [round_robin, least_request] = [Algorithm::RoundRobin, Algorithm::LeastRequest]
            .map(|algorithm| errors(Resilience::off(), algorithm));
        assert!(least_request > 2.0 * round_robin, "{least_request} {round_robin}");
        let rescued = errors(Resilience::default(), Algorithm::LeastRequest);
        assert!(rescued < 0.001, "{rescued}");
    }

    #[test]
    fn each_leads_to_what_an_operator_would_have_chosen() {
        use Algorithm::{ClientIp, LeastRequest, PeakEwma, Prequal, RoundRobin};
        let expected = |name| match name {
            // Nobody who knows a part of the load only, or as it was, can do better than in turn; endpoints know all of it.
            "many-balancers" => Prequal,
            "slow-node" | "heterogeneous" | "cold-cache" => PeakEwma,
            "long-jobs" | "api" => LeastRequest,
            "cart" => ClientIp,
            // Whoever refuses is passed over, whatever the algorithm, and what fails at once is done by another; too much is too much
            // for all.
            _ => RoundRobin,
        };
        for named in NamedScenario::ALL {
            let scenario = named.scenario();
            let report = |&algorithm| run(&scenario, algorithm, &mut |_| {}).unwrap();
            let reports: Vec<Report> = Algorithm::ALL.iter().map(report).collect();
            let recommendation = crate::recommend(&reports, named.wants_affinity).unwrap();
            let because = &recommendation.because;
            assert_eq!(recommendation.algorithm, expected(named.name), "{}: {because}", named.name);
        }
    }

    #[test]
    fn with_cookies_a_cart_stays_where_it_is_under_any_algorithm() {
        let named = NamedScenario::from_name("cart").unwrap();
        let plain = run(&named.scenario(), Algorithm::LeastRequest, &mut |_| {}).unwrap();
        let scenario = Scenario { sessions: true, ..named.scenario() };
        let sticky = run(&scenario, Algorithm::LeastRequest, &mut |_| {}).unwrap();
        // Who asks again before the first answer has no cookie yet.
        let moved = [&plain, &sticky].map(|report| report.keys.moved_share());
        assert!(moved[0] > 0.7 && moved[1] < 0.01, "{moved:?}");
        assert!(sticky.latency.unwrap().mean < plain.latency.unwrap().mean / 2, "{sticky:?}");
    }

    #[test]
    fn overload_costs_some_requests_whoever_chooses() {
        for report in reports("overload") {
            assert!((0.05..0.5).contains(&report.error_share()), "{:?}", report.errors);
            let Errors { queue_full, timed_out, .. } = report.errors;
            let shed = report.errors.shed();
            assert_eq!(report.errors.total(), queue_full + timed_out + shed);
            assert!(shed > 5 * (queue_full + timed_out), "{:?}", report.errors);
        }
    }
}
