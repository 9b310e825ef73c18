//! The latest requests that failed or were slow, a line for each; pure. Printed by `why`.

use std::fmt;

use evenkeel_control::admin::{StoryKind, StoryList, StorySummary};

use super::page::{mark, none, request};
use crate::table::{Cell, Side, Table};
use crate::tone::{Palette, Tone};
use crate::units::{show_age, show_count, show_seconds};

/// The list; its `Display` ends with a newline.
pub(super) struct List<'a> {
    pub(super) list: &'a StoryList,
    /// In seconds of Unix time.
    pub(super) now: f64,
    pub(super) palette: Palette,
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.list.stories.is_empty() {
            writeln!(f, "nothing of that kind is remembered")?;
        } else {
            let mut table = Table::new(&STORY);
            self.list.stories.iter().for_each(|story| table.push(self.row(story)));
            write!(f, "{}", table.render(self.palette))?;
        }
        let hint = format!("\n{}\n`evenkeel why REQUEST-ID` tells all about one", self.kept());
        writeln!(f, "{}", self.palette.paint(Tone::Quiet, &hint))?;
        if self.list.silent_workers.is_empty() {
            return Ok(());
        }
        let silent = "! some workers did not answer: what they remember is missing";
        writeln!(f, "{}", self.palette.paint(Tone::Warning, silent))
    }
}

impl List<'_> {
    fn row(&self, story: &StorySummary) -> Vec<Cell> {
        let (mark, tone) = mark(story.kind);
        let status = story.status.map_or_else(none, |status| status.to_string());
        let age = show_age(self.now - story.began_unix_seconds);
        // What has gone well is there for another reason.
        let call = story.grpc_status.clone().filter(|_| story.kind == StoryKind::Failed);
        let reason = story.reason.clone().or(call);
        vec![
            (tone, mark.to_owned()),
            (Tone::Quiet, format!("{age} ago")),
            (Tone::Plain, story.request_id.clone()),
            (tone, status),
            (Tone::Plain, reason.unwrap_or_else(|| word(story.kind).to_owned())),
            (Tone::Plain, show_seconds(story.total_seconds)),
            (Tone::Plain, show_count(story.attempts as u64)),
            (Tone::Plain, story.endpoint.clone().unwrap_or_else(none)),
            (Tone::Plain, request(story)),
        ]
    }

    /// How many there are of each kind.
    fn kept(&self) -> String {
        let kept = self.list.reaches.iter().map(|reach| {
            let (mark, count) = (mark(reach.kind).0, show_count(reach.kept as u64));
            let since = match reach.since_unix_seconds {
                Some(since) => format!(" of the last {}", show_age(self.now - since)),
                None => String::new(),
            };
            format!("{mark} {count} {}{since}", word(reach.kind))
        });
        kept.collect::<Vec<_>>().join(" · ")
    }
}

fn word(kind: StoryKind) -> &'static str {
    match kind {
        StoryKind::Failed => "failed",
        StoryKind::Rescued => "took several attempts",
        StoryKind::Slow => "slow",
        StoryKind::Client => "refused or broken off",
    }
}

const STORY: [(Side, &str); 9] = [
    (Side::Left, ""),
    (Side::Right, "when"),
    (Side::Left, "request id"),
    (Side::Left, "status"),
    (Side::Left, "reason"),
    (Side::Right, "total"),
    (Side::Right, "attempts"),
    (Side::Left, "endpoint"),
    (Side::Left, "request"),
];
