//! Long-lived streams move to endpoints that joined after they began: how many, from where, and when to stop. Asked by `control`, a few times
//! a second; what it decides is carried out by the workers, through [`Stays`].
//!
//! Only streams that began before an endpoint joined are moved for it: all others had it to choose from, so that what a balancer decides is
//! never undone, and nothing moves back and forth. How many may move for one join is bounded beforehand, in case clients come back to
//! where they were.

use std::time::Duration;

use fastrand::Rng;

use crate::time::Time;

mod kind;
mod stays;

pub use kind::{Kind, Kinds};
pub use stays::Stays;

/// How streams are moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How many a second at most, in the whole process; more than 0.
    pub pace: f64,
    /// One that is younger stays.
    pub min_age: Duration,
    /// How far below its share, as a part of it, one that joined may be before anything moves.
    pub margin: f64,
    /// Which streams.
    pub kinds: Kinds,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pace: 1.0, min_age: Duration::from_secs(60), margin: 0.1, kinds: Kinds::usual() }
    }
}

/// How one endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stand {
    /// Its share of the work relative to the others; 0 if it gets none.
    pub weight: f64,
    /// Whether it gets none although it could: it waits for others to fail, or is in another zone.
    pub is_spare: bool,
    /// The part of it that it has while it warms up, above 0 and up to 1.
    pub warmth: f64,
    /// How many streams it has that could move.
    pub held: u32,
    /// Whether it would take another one.
    pub has_room: bool,
    /// When it joined; `None` if it was there before us, or is not there.
    pub joined: Option<Time>,
}

/// One stream of an endpoint is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which endpoint's.
    pub position: usize,
    /// It began before this.
    pub before: Time,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The first stream has been moved.
    Begun,
    /// So many were asked to, and that was all.
    Done {
        /// How many.
        moved: u32,
    },
}

/// What is decided for one cluster, from look to look.
#[derive(Debug, Default)]
pub struct Mover {
    /// How many streams there are, with those that are on their way.
    expected: f64,
    looked: Time,
    /// When the next one may move.
    due: Time,
    /// Nothing moves any more for whoever joined until then.
    settled: Time,
    course: Option<Course>,
}

/// Streams move.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// When the last of those joined for whom they do.
    joined: Time,
    /// How many more may.
    left: u32,
    moved: u32,
    /// When one did, or was first to.
    last: Time,
}

/// Who has too many, and who too few.
#[derive(Debug, Default)]
struct Gap {
    /// By how many those at these positions have more than their share.
    crowded: Vec<(usize, f64)>,
    /// How many more those who joined would have at their shares, without those that are on their way; and when they are warm, with them.
    needed: f64,
    needed_warm: f64,
    /// Whether one of these would take a stream.
    has_room: bool,
    /// When the last of these joined.
    joined: Time,
}

impl Mover {
    /// Decides what moves now. `done` of what was decided before has been carried out.
    pub fn look(
        &mut self,
        settings: &Settings,
        stands: &[Stand],
        done: u32,
        (now, random): (Time, &mut Rng),
    ) -> (Vec<Move>, Option<News>) {
        let has_slept = now.since(self.looked) > SLEPT;
        self.expect(stands, now);
        let news = self.note(done, now);
        let gap = self.gap(settings, stands);
        if has_slept || gap.is_none() {
            // What was not used is not saved up.
            self.due = self.due.max(now);
        }
        let Some(gap) = gap else {
            return (Vec::new(), self.rest(settings, stands, now).or(news));
        };
        self.begin(&gap, now);
        let Some(course) = &mut self.course else { return (Vec::new(), news) };
        if !gap.has_room {
            course.last = now;
        }
        let left = course.left;
        if left == 0 || course.is_dry(settings, now) {
            return (Vec::new(), self.end().or(news));
        }
        (self.moves(settings, gap, left, (now, random)), news)
    }

    /// Nobody has too few. That is the end, unless somebody has not all of its share yet, or is away for a moment.
    fn rest(&mut self, settings: &Settings, stands: &[Stand], now: Time) -> Option<News> {
        let warms = |stand: &Stand| stand.weight > 0.0 && stand.warmth < 1.0;
        let is_away =
            |stand: &Stand| stand.weight == 0.0 && stand.joined.is_some_and(|it| it > self.settled);
        let waits = stands.is_empty() || stands.iter().any(|it| warms(it) || is_away(it));
        let is_dry = self.course.is_some_and(|course| course.is_dry(settings, now));
        if waits && !is_dry { None } else { self.end() }
    }

    /// Begins for those who have too few, or goes on for those who have joined since it began.
    fn begin(&mut self, gap: &Gap, now: Time) {
        let left = (BUDGET * gap.needed_warm.max(gap.needed)).ceil() as u32;
        match &mut self.course {
            None if gap.moves() => {
                self.due = self.due.max(now);
                self.course = Some(Course { joined: gap.joined, left, moved: 0, last: now });
            }
            Some(course) if gap.joined > course.joined => {
                (course.joined, course.left) = (gap.joined, course.left.max(left));
            }
            _ => {}
        }
    }

    /// Those that have been told to move come back in a while, and count until then; those that do not, ever less.
    fn expect(&mut self, stands: &[Stand], now: Time) {
        let working = stands.iter().filter(|stand| stand.has_part());
        let held: f64 = working.map(|stand| f64::from(stand.held)).sum();
        let passed = now.since(std::mem::replace(&mut self.looked, now)).as_secs_f64();
        let fading = (-passed / FADE.as_secs_f64()).exp();
        self.expected = held.max(held + (self.expected - held) * fading);
    }

    fn note(&mut self, done: u32, now: Time) -> Option<News> {
        let course = self.course.as_mut().filter(|_| done > 0)?;
        let is_first = course.moved == 0;
        course.moved += done;
        course.left = course.left.saturating_sub(done);
        course.last = now;
        is_first.then_some(News::Begun)
    }

    /// Nothing more is done for those for whom streams have moved.
    fn end(&mut self) -> Option<News> {
        let Course { joined, moved, .. } = self.course.take()?;
        self.settled = self.settled.max(joined);
        (moved > 0).then_some(News::Done { moved })
    }

    /// `None` while nobody who joined has too few. It takes more to begin than to go on.
    fn gap(&self, settings: &Settings, stands: &[Stand]) -> Option<Gap> {
        let margin = if self.course.is_some() { 0.0 } else { settings.margin };
        let fair = Shares::new(stands, self.expected, |stand| stand.weight * stand.warmth);
        let warm = Shares::new(stands, self.expected, |stand| stand.weight);
        let mut gap = Gap::default();
        let mut all = 0.0;
        for (position, stand) in stands.iter().enumerate().filter(|(_, it)| it.has_part()) {
            let (held, share) = (f64::from(stand.held), fair.of(stand));
            all += held;
            if held > share {
                gap.crowded.push((position, held - share));
            }
            let Some(joined) = stand.joined.filter(|joined| *joined > self.settled) else {
                continue;
            };
            if stand.weight > 0.0 && share - held >= (margin * share).max(1.0) {
                gap.needed += share - held;
                gap.needed_warm += warm.of(stand) - held;
                gap.has_room |= stand.has_room;
                gap.joined = gap.joined.max(joined);
            }
        }
        let is_short = gap.needed > 0.0;
        // They will be there, as far as we know.
        gap.needed -= self.expected - all;
        is_short.then_some(gap)
    }

    /// As many as the pace has room for, of those that have most too many most often.
    fn moves(
        &mut self,
        settings: &Settings,
        gap: Gap,
        left: u32,
        (now, random): (Time, &mut Rng),
    ) -> Vec<Move> {
        let Gap { mut crowded, mut needed, has_room, joined, .. } = gap;
        let before = joined.min(now.before(settings.min_age));
        let mut moves = Vec::new();
        while self.due <= now && has_room && needed >= 1.0 && moves.len() < left as usize {
            let Some(place) = draw(&crowded, random) else { break };
            moves.push(Move { position: crowded[place].0, before });
            crowded[place].1 -= 1.0;
            needed -= 1.0;
            // Never sooner than the pace says, and not in step with anything.
            let interval = Duration::from_secs_f64((1.0 + JITTER * random.f64()) / settings.pace);
            self.due = self.due.after(interval);
        }
        // What was not used is not saved up.
        self.due = self.due.max(now);
        moves
    }
}

impl Stand {
    /// Whether its streams are shared out: they may stay, or go where there is work to be had.
    fn has_part(&self) -> bool {
        self.weight > 0.0 || self.is_spare
    }
}

impl Course {
    /// Whether nothing has moved for so long that nothing can.
    fn is_dry(&self, settings: &Settings, now: Time) -> bool {
        let interval = Duration::from_secs_f64((1.0 + JITTER) / settings.pace);
        now.since(self.last) > DRY + settings.min_age * 2 + interval * 4
    }
}

impl Gap {
    /// Whether anything can move now.
    fn moves(&self) -> bool {
        self.has_room && self.needed >= 1.0 && !self.crowded.is_empty()
    }
}

/// How many streams each should have.
struct Shares<W> {
    per_weight: f64,
    weight: W,
}

impl<W: Fn(&Stand) -> f64> Shares<W> {
    fn new(stands: &[Stand], streams: f64, weight: W) -> Self {
        let weights: f64 = stands.iter().map(&weight).sum();
        Self { per_weight: if weights > 0.0 { streams / weights } else { 0.0 }, weight }
    }

    fn of(&self, stand: &Stand) -> f64 {
        self.per_weight * (self.weight)(stand)
    }
}

/// One of those that have too many, in proportion to how many.
fn draw(crowded: &[(usize, f64)], random: &mut Rng) -> Option<usize> {
    let all: f64 = crowded.iter().map(|(_, excess)| excess.max(0.0)).sum();
    let mut at = random.f64() * all;
    let place = crowded.iter().position(|(_, excess)| {
        at -= excess.max(0.0);
        at < 0.0
    });
    place.filter(|_| all > 0.0)
}

/// Who looks so late has slept, or all of us have.
const SLEPT: Duration = Duration::from_secs(1);

/// By how much longer than the pace says it may take until the next one moves.
const JITTER: f64 = 0.5;

/// So many times what is missing may be moved for one join: some clients come back to where they were.
const BUDGET: f64 = 2.0;

/// In how much time those that do not come back are forgotten, but for a third: clients that try again wait for up to a minute or two.
const FADE: Duration = Duration::from_secs(120);

/// When nothing has moved for so long, for twice the age that it takes and when its turn has come a few times, nothing can.
const DRY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
