//! `fast-origin PORT BODY_BYTES`: the benchmark's origin as a process of its own.
#![allow(clippy::print_stdout, reason = "it tells the benchmark that it listens")]

use std::env;
use std::io;
use std::process::ExitCode;

use evenkeel_testkit::FastOrigin;

fn main() -> io::Result<ExitCode> {
    let mut numbers = env::args().skip(1).map(|argument| argument.parse::<usize>());
    let (Some(Ok(port)), Some(Ok(body_bytes))) = (numbers.next(), numbers.next()) else {
        println!("usage: fast-origin PORT BODY_BYTES");
        return Ok(ExitCode::from(2));
    };
    let origin = FastOrigin::start(u16::try_from(port).map_err(io::Error::other)?, body_bytes)?;
    println!("listening on {}", origin.address());
    origin.join()?;
    Ok(ExitCode::SUCCESS)
}
