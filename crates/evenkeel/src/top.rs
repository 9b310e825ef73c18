//! `evenkeel top`: a running balancer, live on a terminal. The command line calls [`run`].
//!
//! ```text
//! admin API ◄─ asker ─► looks ─┐
//!    orders ──►┘               ├─► console ─► picture ─► screen
//! keys ────────────────────────┘
//! ```

mod args;
mod asker;
mod command;
mod console;
mod keys;
mod meter;
mod picture;
mod rows;

pub(crate) use self::args::Args;
pub(crate) use self::command::run;

#[cfg(test)]
mod fixture;
