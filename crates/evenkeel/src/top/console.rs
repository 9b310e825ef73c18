//! What whoever watches sees and has typed so far; pure. `command` tells it the news and the keys, `picture` draws it.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_control::admin::{ClusterStatus, EndpointStatus};
use evenkeel_control::events::Event;

use crate::tone::Tone;

use super::asker::{Look, News, Order};
use super::meter::Meter;
use super::rows::{Key, Row, rows};

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Console {
    /// Where the admin API is.
    pub(super) address: String,
    /// How often it is asked, in words.
    pub(super) interval: String,
    /// The last that was seen.
    pub(super) look: Look,
    pub(super) meter: Meter,
    /// The oldest first, at most [`EVENTS_MAX`].
    pub(super) events: VecDeque<Event>,
    /// Why there is no answer any more; none while there is.
    pub(super) lost: Option<Lost>,
    pub(super) selected: Option<Key>,
    /// Where the selected one stands among the endpoints that are shown.
    pub(super) position: usize,
    pub(super) filter: String,
    pub(super) mode: Mode,
    pub(super) notice: Option<Notice>,
    /// Whom to drain if that is asked for once more.
    pub(super) armed: Option<Key>,
}

/// There is no answer.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) why: String,
    /// When that was noticed last, in seconds of Unix time.
    pub(super) now: f64,
}

/// What keys mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Normal,
    /// They are typed into the filter.
    Filter,
    /// They are typed into a weight for the selected endpoint.
    Weight(String),
    /// Any key ends the help.
    Help,
}

/// What was said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// What a key asks for that the console cannot do itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Order(Order),
    Quit,
}

impl Console {
    /// After the first look.
    pub(super) fn new(address: String, interval: Duration, filter: String, look: Look) -> Self {
        let mut console = Console {
            address,
            interval: format!("every {} s", interval.as_secs_f64()),
            look: look.clone(),
            meter: Meter::default(),
            events: VecDeque::new(),
            lost: None,
            selected: None,
            position: 0,
            filter,
            mode: Mode::Normal,
            notice: None,
            armed: None,
        };
        console.see(look);
        console
    }

    /// Takes in what came of asking.
    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Seen(look) => self.see(*look),
            News::Lost { why, now } => self.lost = Some(Lost { why, now }),
            News::Done(changes) if changes.is_empty() => {
                self.say(Tone::Plain, "nothing changed: it was so already");
            }
            News::Done(changes) => self.say(Tone::Good, changes.join(" · ")),
            News::Refused(why) => {
                // The picture of the place is nothing for one line; `evenkeel reload` shows it.
                let lines = why.lines().map(str::trim).take_while(|line| !line.starts_with('┌'));
                let lines: Vec<&str> = lines.collect();
                self.say(Tone::Bad, lines.join(" · "));
            }
        }
    }

    fn see(&mut self, look: Look) {
        self.meter.follow(&look.status);
        self.events.extend(look.events.iter().cloned());
        self.events.drain(..self.events.len().saturating_sub(EVENTS_MAX));
        self.look = look;
        self.lost = None;
        self.settle();
    }

    /// Now, by the last that we heard.
    pub(super) fn now(&self) -> f64 {
        self.lost.as_ref().map_or(self.look.now, |lost| lost.now)
    }

    /// The lines that the filter lets through.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        rows(&self.look.status, &self.filter)
    }

    /// The selected endpoint, as it was seen last.
    pub(super) fn selection(&self) -> Option<(&ClusterStatus, &EndpointStatus)> {
        let key = self.selected.as_ref()?;
        let mut clusters = self.look.status.clusters.iter();
        let cluster = clusters.find(|cluster| cluster.name == key.cluster)?;
        let endpoint = cluster.endpoints.iter().find(|each| each.name == key.endpoint)?;
        Some((cluster, endpoint))
    }

    /// Selects the endpoint at `position`, or the last one.
    pub(super) fn select(&mut self, position: usize) {
        let keys: Vec<Key> = self.rows().iter().filter_map(Row::key).collect();
        self.position = position.min(keys.len().saturating_sub(1));
        self.selected = keys.into_iter().nth(self.position);
    }

    /// Finds the selected one again after the lines have changed; if it is gone, whoever took its place is selected.
    pub(super) fn settle(&mut self) {
        let found = self.selected.as_ref().and_then(|key| {
            let rows = self.rows();
            rows.iter().filter(|row| row.key().is_some()).position(|row| row.is(key))
        });
        match found {
            Some(position) => self.position = position,
            None => self.select(self.position),
        }
    }

    /// Says something in the line above the keys.
    pub(super) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice { tone, text: text.into() });
    }
}

/// More than the highest terminal shows.
const EVENTS_MAX: usize = 100;

#[cfg(test)]
mod tests;
