//! The certificates of listeners, and what TLS with endpoints needs: read, judged, and handed to the plan. The conductor asks the
//! [`Store`] for what a config needs, the config's reader for what is wrong with it, and [`watch`] replaces what has been renewed.
//!
//! ```text
//! source ─► pairs of files ─► parse ─┐
//!                                    ├─► store ─► terms ─► plan::tls::Termination
//! files that are followed ───────────┴─► origins ─► originate ─► plan::tls::Origination
//! ```

mod authorities;
mod client_auth;
mod development;
mod endpoint_verifier;
mod expiry;
mod followed;
mod news;
mod originate;
mod origins;
mod parse;
mod problem;
mod signature;
mod source;
mod store;
mod terminate;
mod terms;
mod ticket_keys;
mod tickets;
mod view;
mod watch;

pub(crate) use authorities::Authorities;
pub use development::DevelopmentCertificate;
pub(crate) use expiry::Nearness;
pub use followed::FileKind;
pub(crate) use originate::unjudged;
pub(crate) use parse::{Parsed, Purpose, is_dns_name, parse};
pub use problem::date;
pub use problem::{Finding, Part, Problem, Remark};
pub use store::Unusable;
pub(crate) use store::{Known, Proposal, Store};
pub(crate) use view::{Beside, Refused, View};
pub(crate) use watch::run;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
