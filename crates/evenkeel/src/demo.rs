//! `evenkeel demo`: origins, load, a balancer and a live picture of them in one process. The command
//! line calls [`run`].
//!
//! ```text
//! origins ◄── balancer ◄── load           all on free loopback ports
//!    ▲           └── meter ──┘  samples
//!  script              ├─► story ─► events ─┐
//!                      └─► history ─► picture ─► screen, or plain lines
//! ```

mod args;
mod backstage;
mod cast;
mod command;
mod config;
mod meter;
mod performance;
mod picture;
mod plain;
mod sample;
mod screen;
mod script;
mod story;
mod summary;

pub(crate) use self::args::Args;
pub(crate) use self::command::run;
