//! A discrete-event simulator that runs the plan's own balancers on virtual time.
//! Called by tests until the command line offers it.
//!
//! What picks here is what picks in the proxy: the same [`Balance`](evenkeel_plan::balance::Balance), the same vitals, the
//! same leases. Only time, arrivals and service are made up. A report therefore says what an algorithm does to a load, and
//! nothing about the cost of moving bytes.

mod queue;
mod report;
mod run;
mod scenario;
mod service;

pub use report::{EndpointReport, Latency, Report};
pub use run::run;
pub use scenario::{Arrivals, EndpointModel, Scenario};
pub use service::{Service, Work};
