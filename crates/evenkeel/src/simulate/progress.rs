//! The line that tells how far a simulation is, for whoever waits at a terminal. Fed by `command`.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Rewrites its line now and then, and takes it away when it is dropped. Says nothing in a pipe or a file.
pub(super) struct Progress {
    is_terminal: bool,
    due: Instant,
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, due: Instant::now() + PERIOD, shown: false }
    }

    /// `part` of it is done, up to 1.
    pub(super) fn show(&mut self, part: f64) {
        if !self.is_terminal || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + PERIOD;
        self.shown = true;
        // A closed stderr is no reason to stop.
        let _ = write!(io::stderr(), "{REWRITE}simulating  {}", line(part));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            // The same.
            let _ = write!(io::stderr(), "{REWRITE}");
        }
    }
}

fn line(part: f64) -> String {
    let full = (part.clamp(0.0, 1.0) * WIDTH as f64) as usize;
    format!("{}{} {:>3.0} %", "█".repeat(full), "░".repeat(WIDTH - full), part * 100.0)
}

/// To the start of the line, and clear it.
const REWRITE: &str = "\r\x1b[K";

/// What is over sooner needs no progress.
const PERIOD: Duration = Duration::from_millis(200);

const WIDTH: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(line(0.0), format!("{}   0 %", "░".repeat(30)));
        assert_eq!(line(0.5), format!("{}{}  50 %", "█".repeat(15), "░".repeat(15)));
        assert_eq!(line(1.0), format!("{} 100 %", "█".repeat(30)));
    }
}
