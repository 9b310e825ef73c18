//! The story of one request as a person reads it; pure. Printed by `why`.

use std::fmt;

use evenkeel_control::admin::{
    RequestStory, StoryAttempt, StoryCandidate, StoryKind, StorySummary, StoryThen,
};

use crate::table::{Cell, Side, Table};
use crate::tone::{Palette, Tone};
use crate::units::{counted, show_age, show_count, show_seconds};

/// The page; its `Display` ends with a newline.
pub(super) struct Page<'a> {
    pub(super) story: &'a RequestStory,
    /// In seconds of Unix time.
    pub(super) now: f64,
    pub(super) palette: Palette,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_heading(f)?;
        self.write_facts(f)?;
        self.write_attempts(f)?;
        self.write_candidates(f)
    }
}

impl Page<'_> {
    fn write_heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = &self.story.summary;
        let (mark, tone) = mark(summary.kind);
        let mark = self.palette.paint(tone, mark);
        let request = self.palette.paint(Tone::Strong, &request(summary));
        let end = self.palette.paint(tone, &end(summary));
        let took = show_seconds(summary.total_seconds);
        writeln!(f, "{mark} {request}  {end}  in {took}\n\n{}", summary.sentence)
    }

    fn write_facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestStory { summary, worker, listener, client, route, rule, .. } = self.story;
        let age = show_age(self.now - summary.began_unix_seconds);
        let came = format!("{listener}, from {client}, by worker {worker}");
        let cluster = summary.cluster.clone();
        let way = cluster.map(|cluster| match route {
            Some(route) => format!("{cluster}, by route {route}"),
            None => cluster,
        });
        // Where there is no cluster, the route is as far as it came.
        let (route, is_refused) = (route.clone(), rule.is_some());
        let none = || is_refused.then(|| "none was looked for: the listener refused it".to_owned());
        let route = if way.is_none() { route.or_else(none) } else { None };
        writeln!(f)?;
        for (name, value) in [
            ("request", Some(summary.request_id.clone())),
            ("began", Some(format!("{} UTC, {age} ago", clock(summary.began_unix_seconds)))),
            ("listener", Some(came)),
            ("cluster", way),
            ("route", route),
        ] {
            let Some(value) = value else { continue };
            writeln!(f, "{}  {value}", self.palette.paint(Tone::Quiet, &format!("{name:8}")))?;
        }
        Ok(())
    }

    fn write_attempts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestStory { attempts, attempts_left_out, .. } = self.story;
        if attempts.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(&ATTEMPT);
        attempts.iter().zip(1..).for_each(|(each, number)| table.push(attempt_row(number, each)));
        write!(f, "\n{}", table.render(self.palette))?;
        if *attempts_left_out > 0 {
            let more = counted(*attempts_left_out, "attempt");
            writeln!(f, "{}", self.palette.paint(Tone::Quiet, &format!("and {more} in between")))?;
        }
        if let Some(why) = attempts.last().and_then(|last| last.why_no_other.as_deref()) {
            writeln!(f, "{}", self.palette.paint(Tone::Bad, &format!("✗ {why}")))?;
        }
        Ok(())
    }

    fn write_candidates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestStory { candidates, candidates_left_out, .. } = self.story;
        if candidates.is_empty() {
            return Ok(());
        }
        let title = self.palette.paint(Tone::Strong, "whom there was to choose from");
        let mut table = Table::new(&CANDIDATE);
        candidates.iter().for_each(|each| table.push(candidate_row(each)));
        write!(f, "\n{title}\n{}", table.render(self.palette))?;
        match candidates_left_out {
            0 => Ok(()),
            more => {
                let more = format!("and {}", counted(*more, "more endpoint"));
                writeln!(f, "{}", self.palette.paint(Tone::Quiet, &more))
            }
        }
    }
}

fn attempt_row(number: usize, attempt: &StoryAttempt) -> Vec<Cell> {
    let time = |seconds: Option<f64>| (Tone::Plain, seconds.map_or_else(none, show_seconds));
    let tone = match (attempt.then, attempt.status) {
        (StoryThen::Passed, Some(..500)) => Tone::Good,
        (StoryThen::Overtaken, _) => Tone::Quiet,
        _ => Tone::Bad,
    };
    let connected = match attempt.pooled {
        Some(true) => (Tone::Quiet, "idle one".to_owned()),
        _ => time(attempt.connected_seconds),
    };
    vec![
        (Tone::Quiet, number.to_string()),
        (Tone::Plain, attempt.endpoint.clone()),
        (Tone::Plain, began(attempt.began_seconds)),
        connected,
        time(attempt.first_byte_seconds),
        time(Some(attempt.ended_seconds)),
        (tone, deed(attempt)),
    ]
}

/// When an attempt began, from the first byte of the request.
fn began(seconds: f64) -> String {
    if seconds > 0.0 { format!("+{}", show_seconds(seconds)) } else { "at once".to_owned() }
}

/// What the endpoint did; its name stands in a column of its own.
fn deed(attempt: &StoryAttempt) -> String {
    let words =
        attempt.words.strip_prefix(&attempt.endpoint).unwrap_or(&attempt.words).trim_start();
    let hedge = if attempt.hedge { "(hedge) " } else { "" };
    match attempt.backoff_seconds {
        Some(wait) if wait > 0.0 => {
            format!("{hedge}{words}; the next was sent after {}", show_seconds(wait))
        }
        _ => format!("{hedge}{words}"),
    }
}

fn candidate_row(candidate: &StoryCandidate) -> Vec<Cell> {
    let (mark, tone) = match (candidate.tried, &candidate.barred) {
        (true, _) => ("✗", Tone::Bad),
        (false, Some(_)) => ("◇", Tone::Warning),
        (false, None) => ("✓", Tone::Good),
    };
    let tried = candidate.tried.then(|| "tried".to_owned());
    let notes: Vec<String> = tried.into_iter().chain(candidate.barred.clone()).collect();
    vec![
        (tone, mark.to_owned()),
        (Tone::Plain, candidate.endpoint.clone()),
        (Tone::Plain, show_count(candidate.in_flight.into())),
        (Tone::Plain, candidate.expected_seconds.map_or_else(none, show_seconds)),
        (tone, notes.join(" · ")),
    ]
}

/// How a kind is shown: nothing is told by colour alone.
pub(super) fn mark(kind: StoryKind) -> (&'static str, Tone) {
    match kind {
        StoryKind::Failed => ("✗", Tone::Bad),
        StoryKind::Rescued => ("↻", Tone::Good),
        StoryKind::Slow => ("◷", Tone::Warning),
        StoryKind::Client => ("○", Tone::Quiet),
    }
}

/// What was asked for, such as `GET www.example.com/a`.
pub(super) fn request(summary: &StorySummary) -> String {
    let StorySummary { method, path, host, .. } = summary;
    if method.is_empty() {
        return "a request whose head could not be read".to_owned();
    }
    format!("{method} {}{path}", host.as_deref().unwrap_or_default())
}

/// What the client got, such as `502 connect_failed`, or `503 UNAVAILABLE` for a call of gRPC.
fn end(summary: &StorySummary) -> String {
    let status = summary.status.map_or_else(|| "no answer".to_owned(), |it| it.to_string());
    let words = [Some(&status), summary.grpc_status.as_ref(), summary.reason.as_ref()];
    words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The time of day.
fn clock(unix_seconds: f64) -> String {
    // A float is cut to the bounds of the integer.
    let seconds = unix_seconds as u64 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

pub(super) fn none() -> String {
    "–".to_owned()
}

const ATTEMPT: [(Side, &str); 7] = [
    (Side::Right, ""),
    (Side::Left, "attempt at"),
    (Side::Right, "began"),
    (Side::Right, "connected"),
    (Side::Right, "first byte"),
    (Side::Right, "over"),
    (Side::Left, ""),
];

const CANDIDATE: [(Side, &str); 5] = [
    (Side::Left, ""),
    (Side::Left, "endpoint"),
    (Side::Right, "in flight"),
    (Side::Right, "expected"),
    (Side::Left, ""),
];
