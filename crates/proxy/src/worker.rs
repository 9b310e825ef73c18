//! One worker: a thread with its own runtime, listening sockets, pools, buffers and counters. Connections share it as an `Rc`.

use std::cell::{Cell, Ref, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use evenkeel_plan::Listener;
use evenkeel_plan::lines::LineSender;
use evenkeel_plan::publish::Reader;
use evenkeel_plan::pulse::Beat;
use evenkeel_plan::story::{self, Ring};
use evenkeel_plan::time::Time;
use fastrand::Rng;
use uuid::Builder;

use crate::access::{Log, Record};
use crate::buffers::Buffers;
use crate::deadline::{Deadlines, TICK};
use crate::entrance::Entrance;
use crate::http2::share::Spare;
use crate::looks::Looks;
use crate::stays::Stays;
use crate::upstream::inquiry::Inquiries;
use crate::world::World;

mod accept;
mod crew;
mod departed;
mod run;
mod steady;

pub(crate) use crew::{Change, Command, Crew, Errand, Membership, Recall};
pub(crate) use run::{Ears, run};

use departed::Departures;

/// What all connections of a worker share.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The worker's number: its shard of every counter.
    pub(crate) index: usize,
    /// Itself, for tasks that outlive whoever begins them.
    handle: Weak<Self>,
    pub(crate) buffers: Buffers,
    pub(crate) deadlines: Rc<Deadlines>,
    pub(crate) inquiries: Inquiries,
    /// The other workers.
    pub(crate) crew: Arc<Crew>,
    /// Requests over HTTP/2 that their connections have not earned.
    pub(crate) spare_streams: Spare,
    /// What shows somebody what is in flight.
    pub(crate) looks: Rc<Looks>,
    /// The long-lived streams, which may have to move.
    pub(crate) stays: Rc<Stays>,
    /// The latest exchanges that did not go well.
    pub(crate) stories: RefCell<Ring>,
    /// Whether connections shall end as soon as they can.
    pub(crate) draining: Cell<bool>,
    /// How long that may take when we stop.
    stop_within: Cell<Duration>,
    reader: RefCell<Reader>,
    world: RefCell<Rc<World>>,
    departures: Departures,
    random: RefCell<Rng>,
    clock: Clock,
    log: RefCell<Log>,
    beat: Beat,
}

/// Why a connection is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It shall end as soon as it can: we stop, or what it came in by is gone from the plan.
    Parting,
    /// Its client has to prove anew who it is, on another one.
    Superseded,
}

/// What a worker gets from outside.
#[derive(Debug)]
pub(crate) struct Supplies {
    /// The plan.
    pub(crate) reader: Reader,
    /// Where lines of the access log go.
    pub(crate) lines: LineSender,
    /// What shows that it lives.
    pub(crate) beat: Beat,
    /// All workers.
    pub(crate) crew: Arc<Crew>,
}

/// Two clocks of which one is read: the wall's time is derived from the monotonic one, and set right at every tick.
#[derive(Debug)]
struct Clock {
    started: Instant,
    /// The wall's time, in nanoseconds since 1970, when this process started.
    epoch: Cell<Duration>,
    /// The same as text.
    date: RefCell<String>,
    /// When the last tick was.
    ticked: Cell<Time>,
    /// When there was a tick again after we had not run for a while.
    woke: Cell<Time>,
}

impl Worker {
    pub(crate) fn new(index: usize, supplies: Supplies, started: Instant) -> Rc<Self> {
        let Supplies { mut reader, lines, beat, crew } = supplies;
        let plan = Arc::clone(reader.load());
        let deadlines = Rc::<Deadlines>::default();
        Rc::new_cyclic(|handle| Self {
            index,
            handle: Weak::clone(handle),
            buffers: Buffers::default(),
            looks: Rc::new(Looks::new(index, Rc::clone(&deadlines))),
            stays: Rc::new(Stays::new(Rc::clone(&deadlines))),
            stories: RefCell::default(),
            deadlines,
            spare_streams: Spare::default(),
            inquiries: Inquiries::default(),
            crew,
            draining: Cell::new(false),
            stop_within: Cell::default(),
            reader: RefCell::new(reader),
            world: RefCell::new(Rc::new(World::new(plan, index, None))),
            departures: Departures::default(),
            random: RefCell::new(Rng::new()),
            clock: Clock::new(started),
            log: RefCell::new(Log::new(lines)),
            beat,
        })
    }

    /// 16 random bytes.
    pub(crate) fn nonce(&self) -> u128 {
        self.random.borrow_mut().u128(..)
    }

    /// For a task of its own.
    pub(crate) fn handle(&self) -> Option<Rc<Self>> {
        self.handle.upgrade()
    }

    /// The world in force now.
    pub(crate) fn world(&self) -> Rc<World> {
        let mut world = self.world.borrow_mut();
        let mut reader = self.reader.borrow_mut();
        let plan = reader.load();
        if !Arc::ptr_eq(plan, &world.plan) {
            let after = Rc::new(World::new(Arc::clone(plan), self.index, Some(&world)));
            if self.departures.note(&world, &after, Instant::now()) {
                // Whoever lies idle on such a listener shall see that it is gone.
                self.deadlines.wake_all();
            }
            world.retire_pools(&after);
            *world = after;
        }
        Rc::clone(&world)
    }

    /// The world for a request that came in by `entrance`: the one in force, or the last one that had it.
    pub(crate) fn world_of(&self, entrance: &Entrance) -> Rc<World> {
        let world = self.world();
        if world.listener(entrance).is_some() {
            return world;
        }
        self.departures.world_with(&entrance.name).unwrap_or(world)
    }

    /// The listener called `name`, for a connection that was accepted by it: also one that has gone since.
    fn listener_named(&self, name: &str) -> Option<Arc<Listener>> {
        let world = self.world();
        let departed = || Some(Arc::clone(self.departures.world_with(name)?.listener_named(name)?));
        world.listener_named(name).cloned().or_else(departed)
    }

    /// Whether connections that came in by `entrance` shall end as soon as they can.
    pub(crate) fn is_parting(&self, entrance: &Entrance) -> bool {
        self.keep_alive(entrance) == Err(Leave::Parting)
    }

    /// For how long such a connection may lie idle.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn keep_alive(&self, entrance: &Entrance) -> Result<Duration, Leave> {
        if self.draining.get() {
            return Err(Leave::Parting);
        }
        let world = self.world();
        let listener = world.listener(entrance).ok_or(Leave::Parting)?;
        if entrance.is_superseded(listener) {
            return Err(Leave::Superseded);
        }
        Ok(listener.timeouts.keep_alive)
    }

    /// How long connections that shall end may take for it.
    pub(crate) fn drain_within(&self) -> Duration {
        if self.draining.get() { self.stop_within.get() } else { self.world().plan.drain }
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        Instant::now()
    }

    /// A random number.
    pub(crate) fn random(&self) -> u64 {
        self.random.borrow_mut().u64(..)
    }

    /// The time, up to a [`TICK`] ago and for nothing.
    pub(crate) fn lately(&self) -> Time {
        self.clock.ticked.get()
    }

    /// Whether we have not run for a while since `then`, as a process that was stopped: what has lain in sockets for so long was not late.
    pub(crate) fn has_slept(&self, then: Time, now: Time) -> bool {
        then < self.clock.woke.get() || now.since(self.clock.ticked.get()) >= SLEPT
    }

    /// `now` as the plan counts time.
    pub(crate) fn time(&self, now: Instant) -> Time {
        Time::START.after(now.saturating_duration_since(self.clock.started))
    }

    /// The time since 1970 at `now`.
    pub(crate) fn wall_time(&self, now: Instant) -> Duration {
        self.clock.epoch.get() + now.saturating_duration_since(self.clock.started)
    }

    /// The time as `Date` wants it (RFC 9110 §5.6.7), at most a second old.
    pub(crate) fn date(&self) -> Ref<'_, str> {
        Ref::map(self.clock.date.borrow(), String::as_str)
    }

    /// A new request identity: UUIDv7 (RFC 9562 §5.7), which sorts by time.
    pub(crate) fn request_id(&self, now: Instant) -> RequestId {
        let wall = self.wall_time(now);
        let random = self.random.borrow_mut().u128(..).to_le_bytes();
        let mut entropy = [0; 10];
        entropy.copy_from_slice(&random[..10]);
        let millis = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        let uuid = Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid();
        let mut text = RequestId { text: [0; 36] };
        uuid.hyphenated().encode_lower(&mut text.text);
        text
    }

    /// Writes down an exchange that is over, if the plan wants that.
    pub(crate) fn log<'r>(&self, record: impl FnOnce() -> Record<'r>) {
        let Some(access) = self.world.borrow().plan.access else { return };
        self.log.borrow_mut().write(access, &record());
    }

    /// Tells the stories that somebody asks for.
    fn recall(&self, question: &story::Question) -> story::Answer {
        let stories = self.stories.borrow();
        let (worker, reaches) = (self.index, stories.reaches());
        story::Answer { worker, stories: stories.recall(question), reaches }
    }

    /// Moves the deadlines on, tidies up and shows that it lives, for as long as it does.
    async fn keep_time(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut seen, mut alarms, mut editions) = (0, 0, self.world().editions());
        loop {
            let now = ticks.tick().await.into_std();
            self.beat.strike();
            self.clock.tick(self.time(now));
            let total =
                now.saturating_duration_since(self.clock.started).as_millis() / TICK.as_millis();
            let total = u32::try_from(total).unwrap_or(u32::MAX);
            self.deadlines.advance(total.saturating_sub(seen));
            if total / TICKS_PER_SWEEP != seen / TICKS_PER_SWEEP {
                self.clock.set_right();
                let world = self.world();
                world.sweep_pools(now);
                if std::mem::replace(&mut editions, world.editions()) != editions {
                    // Whoever has to prove anew who it is shall not lie idle, or go on for days.
                    self.deadlines.wake_all();
                }
                self.departures.sweep(now);
            }
            seen = total;
            self.stays.ask(self.time(now), &mut self.random.borrow_mut());
            let raised = self.world().plan.alarm.count();
            if std::mem::replace(&mut alarms, raised) != raised {
                self.deadlines.wake_busy();
            }
        }
    }
}

/// A request's identity as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId {
    text: [u8; 36],
}

impl RequestId {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

impl Clock {
    fn tick(&self, now: Time) {
        if now.since(self.ticked.replace(now)) >= SLEPT {
            self.woke.set(now);
        }
    }

    fn new(started: Instant) -> Self {
        let clock = Self {
            started,
            epoch: Cell::default(),
            date: RefCell::default(),
            ticked: Cell::default(),
            woke: Cell::default(),
        };
        clock.set_right();
        clock
    }

    fn set_right(&self) {
        self.epoch.set(epoch_of(self.started));
        *self.date.borrow_mut() = httpdate::fmt_http_date(SystemTime::now());
    }
}

fn epoch_of(started: Instant) -> Duration {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    wall.saturating_sub(started.elapsed())
}

/// Pools are swept, and the wall's clock is read, once a second.
const TICKS_PER_SWEEP: u32 = 10;

/// Ten ticks that did not come in time: no load makes a worker as late as that, but a stopped process or a paused machine is.
const SLEPT: Duration = Duration::from_secs(1);
