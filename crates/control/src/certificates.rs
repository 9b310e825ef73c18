//! The certificates of listeners, and what TLS with endpoints needs: read, judged, and handed to the plan. The conductor asks the
//! [`Store`] for what a config needs, the config's reader for what is wrong with it, and [`watch`] replaces what has been renewed.
//!
//! ```text
//! source ─► pairs of files ─► parse ─► store ─► terminate ─► plan::tls::Termination
//!           files of authorities ───► origins ─► originate ─► plan::tls::Origination
//! ```

mod authorities;
mod development;
mod expiry;
mod news;
mod originate;
mod origins;
mod parse;
mod problem;
mod source;
mod store;
mod terminate;
mod view;
mod watch;

pub use development::DevelopmentCertificate;
pub(crate) use expiry::Nearness;
pub(crate) use originate::unjudged;
pub(crate) use parse::Parsed;
pub use problem::date;
pub use problem::{Finding, Part, Problem, Remark};
pub use store::Unusable;
pub(crate) use store::{Known, Proposal, Store};
pub(crate) use view::{Refused, View};
pub(crate) use watch::run;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
