//! A discrete-event simulator that runs the plan's own balancers on virtual time. Called by the command line.
//!
//! What picks here is what picks in the proxy: the same [`Balancer`](evenkeel_plan::balance::Balancer), the same vitals and
//! leases, the same checks. Only time, arrivals and endpoints are made up. A report therefore says what an algorithm does
//! to a load, and nothing about the cost of moving bytes.

mod cookies;
mod distribution;
mod event;
mod guard;
mod histogram;
mod keys;
mod load;
mod mistake;
mod notice;
mod origin;
mod overload;
mod queue;
mod rate;
mod recommend;
mod replica;
mod report;
mod request;
mod resilience;
mod retry;
mod run;
mod scenario;
mod scenarios;
mod script;
mod tally;
mod units;
mod workload;

pub use distribution::Distribution;
pub use event::{Change, Effect, Event, FAST_FAIL_AFTER, Target};
pub use histogram::{Coarse, Histogram};
pub use keys::{KEYS_MAX, Keys};
pub use load::{Arrivals, Load, REQUESTS_MAX, Replayed};
pub use mistake::Mistake;
pub use recommend::{Recommendation, recommend};
pub use report::{
    AfflictionReport, EndpointReport, Errors, InFlight, KeysReport, Latency, Point, Report, Series,
};
pub use resilience::Resilience;
pub use run::run;
pub use scenario::{
    BALANCERS_MAX, Cache, ENDPOINTS_MAX, EndpointModel, POINTS_MAX, Scenario, default_check,
};
pub use scenarios::NamedScenario;
pub use script::{Condition, Script};
