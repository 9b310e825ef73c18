//! The demo as lines, for pipes, logs and `--plain`: one a second, and one for every event.

use std::io::{self, Write};

use evenkeel_control::admin::EndpointState;

use crate::units::{show_count, show_duration};

use super::cast::ROLES;
use super::picture::Scene;
use super::sample::Sample;
use super::story::{Story, clock};

/// Where lines go, and what they have told already.
pub(super) struct Plain {
    out: Box<dyn Write>,
    /// What stands above all; taken when it is said.
    heading: Option<String>,
    told: usize,
    /// How many whole seconds were told.
    seconds: u64,
}

impl Plain {
    /// On stdout, or on stderr if something else is to stand on stdout. Says nothing yet.
    pub(super) fn new(scene: &Scene, to_stderr: bool) -> Self {
        let out: Box<dyn Write> =
            if to_stderr { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
        Plain { out, heading: Some(heading(scene)), told: 0, seconds: 0 }
    }

    /// Tells what is new.
    pub(super) fn follow(&mut self, sample: &Sample, story: &Story) -> io::Result<()> {
        if let Some(heading) = self.heading.take() {
            self.say(&heading)?;
        }
        for event in story.events().iter().skip(self.told) {
            self.say(&format!("{:>8}  {}", clock(event.at), event.text))?;
        }
        self.told = story.events().len();
        if sample.at.as_secs() > self.seconds {
            self.seconds = sample.at.as_secs();
            self.say(&line(sample))?;
        }
        Ok(())
    }

    /// At once, so that a pipe is as lively as a terminal.
    fn say(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}

fn heading(scene: &Scene) -> String {
    let heading = format!("evenkeel demo · {} · {}", scene.balancer(), scene.curl());
    match scene.admin {
        Some(admin) => format!("{heading}\nstatus: http://{admin}/api/v1/status"),
        None => heading,
    }
}

/// Everything of the last second.
fn line(sample: &Sample) -> String {
    let recent = &sample.recent;
    let mut line = format!(
        "{:>8}  {:>5.0}/s  p50 {:>7}  p99 {:>7}  errors {}  lost {}",
        clock(sample.at),
        recent.rate,
        show_duration(recent.p50),
        show_duration(recent.p99),
        show_count(sample.errors),
        show_count(sample.lost),
    );
    for (position, (role, endpoint)) in ROLES.iter().zip(&sample.endpoints).enumerate() {
        let share = 100.0 * sample.share(position);
        line.push_str(&format!("  | {} {share:>3.0} %", role.name));
        if endpoint.state == EndpointState::Down {
            line.push_str(" down");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;

    #[test]
    fn a_line_tells_the_whole_second() {
        let mut sample = sample(12_400);
        sample.endpoints[1].state = EndpointState::Down;
        assert_eq!(
            line(&sample),
            "  12.4 s    498/s  p50 5.31 ms  p99 62.0 ms  errors 12  lost 0  \
             | A  40 %  | B  30 % down  | C  10 %  | D  20 %"
        );
    }
}
