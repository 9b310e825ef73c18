//! `evenkeel simulate`: what each algorithm would make of a load and of what goes wrong, without a server. The command line calls
//! [`run`]; the engine is in `evenkeel-sim`.

mod args;
mod assertion;
mod cluster;
mod command;
mod endpoints;
mod json;
mod measured;
mod outcome;
mod page;
mod progress;
mod replay;
mod runs;
mod setting;
mod shares;
mod table;
mod text;
mod words;

pub(crate) use self::args::Args;
pub(crate) use self::command::run;
