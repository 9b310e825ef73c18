//! What happens to endpoints and to the load, and when: the words of a script. Read by `event::notation`, resolved by `script`.

use std::time::Duration;

mod notation;

/// Something that happens at a moment, or for a while. Written as in [`Event::EXAMPLES`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happens.
    pub change: Change,
    /// When it begins, counted from the start of the run.
    pub from: Duration,
    /// When it is over; `None` for never. Later than `from`.
    pub until: Option<Duration>,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// To endpoints.
    Endpoints(Target, Effect),
    /// `rps 800@20s..30s`: so many requests arrive a second.
    Rate(f64),
    /// `surge x3@20s..30s`: so many times as many arrive; several surges multiply.
    Surge(f64),
}

/// To whom it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `all`: everybody who is in the cluster at any time.
    All,
    /// `s1,s2`: those of these names.
    Named(Vec<String>),
}

/// What happens to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// `slow s2@10s..20s=x8`: work takes so many times as long, what is left of running work as well. Below 1 it is faster.
    /// Several multiply.
    Slow(f64),
    /// `kill s4@15s`: refuses connections; what it was working on is lost.
    Kill,
    /// `revive s4@25s`: ends a `kill` that has no end of its own.
    Revive,
    /// `freeze s3@10s..20s`: accepts, does nothing and says nothing; afterwards it goes on where it stopped.
    Freeze,
    /// `errors s1@10s..20s=20%`: so many of the requests it takes are answered with an error, after the same work.
    Errors(f64),
    /// `flap s2@10s..40s=2s`: dead for the first half of each period and alive for the second.
    Flap(Duration),
    /// `add s6@20s`: joins the cluster; it is like the first of the scenario unless the scenario describes it.
    Add,
    /// `remove s1@20s`: leaves the cluster; what it works on is finished.
    Remove,
    /// `fast-fail s3@10s..20s`: answers everything with an error after [`FAST_FAIL_AFTER`] (a black hole).
    FastFail,
    /// `cold s6@20s=x5,10s`: work that begins takes so many times as long at first; this fades evenly over the given time.
    Cold {
        /// By how much it is slower at first.
        factor: f64,
        /// How long until it is as fast as ever.
        warm_up: Duration,
    },
}

impl Event {
    /// One of each kind, for help texts.
    pub const EXAMPLES: [&str; 12] = [
        "slow s2@10s..20s=x8",
        "kill s4@15s",
        "revive s4@25s",
        "freeze s3@10s..20s",
        "errors s1@10s..20s=20%",
        "flap s2@10s..40s=2s",
        "add s6@20s",
        "remove s1@20s",
        "fast-fail s3@10s..20s",
        "cold s6@20s=x5,10s",
        "rps 800@20s..30s",
        "surge x3@20s..30s",
    ];
}

/// How long an endpoint that fails fast takes to say so.
pub const FAST_FAIL_AFTER: Duration = Duration::from_millis(2);
