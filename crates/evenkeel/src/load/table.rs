//! A summary as a person reads it; pure. Printed by `command`.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::units::{show_count, show_duration};

use super::summary::{Summary, quotient};

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_heading(f)?;
        self.write_requests(f)?;
        self.write_latency(f)?;
        self.write_rows(
            f,
            "status",
            self.statuses.iter().map(|(status, count)| (status.to_string(), *count)),
        )?;
        self.write_errors(f)?;
        self.write_origins(f)
    }
}

impl Summary {
    fn write_heading(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} · ", self.url)?;
        match (self.target_rate, self.arrivals) {
            (Some(rate), Some(arrivals)) => {
                write!(
                    f,
                    "open loop, {rate}/s {arrivals}, up to {} connections",
                    self.connections
                )?;
            }
            _ => write!(f, "closed loop, {} connections", self.connections)?,
        }
        writeln!(f, " · {}\n", show(self.elapsed_seconds))
    }

    fn write_requests(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rate = format!("{:.1}/s answered", self.rate);
        if self.welcome < self.answered {
            let welcome = quotient(self.welcome as f64, self.elapsed_seconds);
            rate.push_str(&format!(", {welcome:.1}/s of them with 2xx or 3xx"));
        }
        let width = self.name_width() + 12;
        writeln!(f, "{:<10}{:>width$}    {rate}", "requests", show_count(self.requests))?;
        if self.delayed > 0 {
            let (count, share) = (show_count(self.delayed), self.share(self.delayed));
            let (longest, why) = (show(self.longest_delay_seconds), self.why_delayed());
            writeln!(f, "{:<10}{count:>width$}{share}  up to {longest} late: {why}", "delayed")?;
        }
        if self.unsent > 0 {
            let count = show_count(self.unsent);
            writeln!(
                f,
                "{:<10}{count:>width$}    given up, and not part of the latency",
                "unsent"
            )?;
        }
        writeln!(f)
    }

    fn why_delayed(&self) -> String {
        if self.crowded > 0 {
            format!("all {} connections were busy", self.connections)
        } else {
            "this machine was too busy to send in time".to_owned()
        }
    }

    fn write_latency(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let latency = &self.latency_seconds;
        if latency.max == 0.0 {
            return Ok(());
        }
        let columns = [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p99_9),
            ("max", latency.max),
        ];
        write!(f, "{:<10}", "latency")?;
        for (name, _) in columns {
            write!(f, "{name:>12}")?;
        }
        write!(f, "\n{:<10}", "")?;
        for (_, seconds) in columns {
            write!(f, "{:>12}", show(seconds))?;
        }
        writeln!(f, "\n")
    }

    fn write_errors(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let happened = self.errors.iter().filter(|(_, count)| **count > 0);
        let row = |(kind, count): (&&'static str, &u64)| (kind.replace('_', " "), *count);
        self.write_rows(f, "errors", happened.map(row))
    }

    /// Rows of a name, a count and its share of the requests, with a title on the first.
    fn write_rows(
        &self,
        f: &mut Formatter<'_>,
        title: &str,
        rows: impl Iterator<Item = (String, u64)>,
    ) -> fmt::Result {
        let (mut title, width) = (title, self.name_width());
        for (name, count) in rows {
            let share = self.share(count);
            writeln!(f, "{title:<10}{name:<width$}{:>12}{share}", show_count(count))?;
            title = "";
        }
        if title.is_empty() { writeln!(f) } else { Ok(()) }
    }

    /// Wide enough for every name, so that all counts stand below each other.
    fn name_width(&self) -> usize {
        let widths = self.origins.keys().map(|name| name.chars().count());
        widths.chain([SHORTEST_NAME_WIDTH]).max().unwrap_or_default()
    }

    fn share(&self, count: u64) -> String {
        format!("{:>8.2} %", 100.0 * quotient(count as f64, self.requests as f64))
    }

    fn write_origins(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let whole: u64 = self.origins.values().sum();
        let (mut title, width) = ("origins", self.name_width());
        for (name, count) in &self.origins {
            let share = quotient(*count as f64, whole as f64);
            let bar = "█".repeat((share * BAR_WIDTH).round() as usize);
            let count = show_count(*count);
            writeln!(f, "{title:<10}{name:<width$}{count:>12}{:>8.2} %  {bar}", share * 100.0)?;
            title = "";
        }
        Ok(())
    }
}

fn show(seconds: f64) -> String {
    show_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Room for `broken body` and a space.
const SHORTEST_NAME_WIDTH: usize = 12;

/// The bar of an origin that answered everything.
const BAR_WIDTH: f64 = 30.0;

#[cfg(test)]
mod tests;
