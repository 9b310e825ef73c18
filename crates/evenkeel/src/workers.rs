//! `--workers`, which is the same for every command that balances.

use evenkeel_control::config::WorkerCount;
use evenkeel_plan::limits::WORKERS_MAX;

/// How many workers to run.
#[derive(clap::Args)]
pub(crate) struct WorkersArg {
    /// How many workers to run: a number, or `auto` for one per core [default: auto]
    #[arg(long, value_name = "N", env = "EVENKEEL_WORKERS", hide_env_values = true)]
    #[arg(value_parser = worker_count)]
    workers: Option<WorkerCount>,
}

impl WorkersArg {
    /// What the line or the environment says, if anything; it wins over what a config says.
    pub(crate) fn given(&self) -> Option<WorkerCount> {
        self.workers
    }
}

fn worker_count(text: &str) -> Result<WorkerCount, String> {
    match text.parse() {
        _ if text == "auto" => Ok(WorkerCount::Auto),
        Ok(count @ 1..=WORKERS_MAX) => Ok(WorkerCount::Fixed(count)),
        _ => Err(format!("write 1 to {WORKERS_MAX}, or `auto` for one per core")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_number_in_bounds_or_auto() {
        assert_eq!(worker_count("auto"), Ok(WorkerCount::Auto));
        assert_eq!(worker_count("1"), Ok(WorkerCount::Fixed(1)));
        assert_eq!(worker_count("1024"), Ok(WorkerCount::Fixed(1024)));
        for wrong in ["0", "1025", "-1", "many", ""] {
            assert!(worker_count(wrong).is_err_and(|help| help.contains("1 to 1024")), "{wrong}");
        }
    }
}
