//! What is known about the streams of a connection (RFC 9113 §5.1): which are open, and how the last ones were closed. Called by
//! the guard.

/// The streams that the two sides of one kind have opened; the other side opens none, since nothing is pushed.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// In the order of their numbers.
    entries: Vec<Entry>,
    /// The highest one that was ever opened.
    highest: u32,
    /// So many of `entries` are not closed.
    open: u32,
    /// Where the last one was found: the next frame is often of the same stream.
    last: usize,
    /// When `entries` is so long, closed ones are forgotten.
    long: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u32,
    state: State,
}

/// What has happened on a stream, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State(u8);

// === impl Entry ===

impl Entry {
    /// Whether we have reset it.
    fn is_ours(&self) -> bool {
        self.state.has(State::WE_RESET)
    }
}

// === impl State ===

impl State {
    /// The peer has sent HEADERS.
    pub(super) const PEER_HEADERS: Self = Self(1);
    /// The peer has sent END_STREAM.
    pub(super) const PEER_ENDED: Self = Self(2);
    /// The peer has sent RST_STREAM.
    pub(super) const PEER_RESET: Self = Self(4);
    /// We have sent END_STREAM.
    pub(super) const WE_ENDED: Self = Self(8);
    /// We have sent RST_STREAM.
    pub(super) const WE_RESET: Self = Self(16);

    #[inline]
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[inline]
    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Neither side sends anything more.
    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        const ENDED: u8 = State::PEER_ENDED.0 | State::WE_ENDED.0;
        self.0 & ENDED == ENDED || self.has(Self::PEER_RESET.with(Self::WE_RESET))
    }
}

// === impl Streams ===

impl Streams {
    /// The highest one that was ever opened; 0 if none was.
    #[inline]
    pub(super) fn highest(&self) -> u32 {
        self.highest
    }

    /// How many are open.
    #[inline]
    pub(super) fn open_count(&self) -> u32 {
        self.open
    }

    /// Opens a stream, which is not known yet. Costs no more than a push but for every 64th or so, which forgets old ones.
    pub(super) fn open(&mut self, id: u32, state: State) {
        if self.entries.len() >= self.long.max(FORGOTTEN_AT_ONCE) {
            self.forget();
        }
        let at = match self.entries.last() {
            Some(last) if last.id >= id => {
                match self.entries.binary_search_by_key(&id, |entry| entry.id) {
                    Ok(_) => return,
                    Err(at) => at,
                }
            }
            _ => self.entries.len(),
        };
        self.entries.insert(at, Entry { id, state });
        self.last = at;
        self.highest = self.highest.max(id);
        self.open += u32::from(!state.is_closed());
    }

    /// What has happened on a stream; `None` if it never was, or was closed so long ago that it is forgotten.
    #[inline]
    pub(super) fn state(&mut self, id: u32) -> Option<State> {
        self.find(id).map(|entry| entry.state)
    }

    /// Adds what has happened; on a stream that is not known that is nothing. Returns what had happened before.
    #[inline]
    pub(super) fn note(&mut self, id: u32, state: State) -> Option<State> {
        let entry = self.find(id)?;
        let before = entry.state;
        entry.state = before.with(state);
        if entry.state.is_closed() && !before.is_closed() {
            self.open -= 1;
        }
        Some(before)
    }

    #[inline]
    fn find(&mut self, id: u32) -> Option<&mut Entry> {
        if self.entries.get(self.last).is_none_or(|entry| entry.id != id) {
            self.last = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        }
        self.entries.get_mut(self.last)
    }

    /// Keeps the open ones, and those of the closed ones that were opened last.
    fn forget(&mut self) {
        let (mut ours, mut theirs) = (0, 0);
        for entry in self.entries.iter().filter(|entry| entry.state.is_closed()) {
            *if entry.is_ours() { &mut ours } else { &mut theirs } += 1;
        }
        let mut ours = usize::saturating_sub(ours, RESETS_KEPT);
        let mut theirs = usize::saturating_sub(theirs, CLOSED_KEPT);
        self.entries.retain(|entry| {
            let excess = if entry.is_ours() { &mut ours } else { &mut theirs };
            let is_kept = !entry.state.is_closed() || *excess == 0;
            *excess -= usize::from(!is_kept);
            is_kept
        });
        self.last = 0;
        self.long = self.entries.len() + FORGOTTEN_AT_ONCE;
    }
}

/// Streams that we reset are kept longest: until the peer has heard of it, what it has sent is still under way, and no fault.
/// Fewer than `h2` keeps (50), which calls it something else when it has forgotten one.
const RESETS_KEPT: usize = 48;

/// Closed ones that are still told from ones that were never opened, for the code that RFC 9113 §5.1 wants.
const CLOSED_KEPT: usize = 32;

/// Forgetting looks at all, so it is done for so many at once.
const FORGOTTEN_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: State = State::PEER_ENDED.with(State::WE_ENDED);

    #[test]
    fn closed_streams_are_forgotten_and_open_ones_never() {
        let mut streams = Streams::default();
        for id in (1..20_001).step_by(2) {
            let state = match id {
                1 | 777 => State::PEER_HEADERS,
                _ if id % 7 == 0 => State::WE_RESET,
                _ => ENDED,
            };
            streams.open(id, State::PEER_HEADERS);
            streams.note(id, state);
            assert!(streams.entries.len() <= 2 + RESETS_KEPT + CLOSED_KEPT + FORGOTTEN_AT_ONCE);
        }
        assert_eq!((streams.open_count(), streams.highest()), (2, 19_999));
        assert_eq!(streams.state(1), Some(State::PEER_HEADERS));
        assert_eq!(streams.state(3), None);
        assert!(streams.state(19_999).is_some_and(State::is_closed));
        let resets =
            (1..20_000).filter(|&id| streams.state(id).is_some_and(|s| s.has(State::WE_RESET)));
        assert!(resets.count() >= RESETS_KEPT);
    }

    #[test]
    fn a_stream_is_closed_when_both_have_ended_or_one_has_reset_it() {
        for bits in 0..32 {
            let state = State(bits);
            let ended = state.has(State::PEER_ENDED) && state.has(State::WE_ENDED);
            let reset = state.has(State::PEER_RESET) || state.has(State::WE_RESET);
            assert_eq!(state.is_closed(), ended || reset, "{state:?}");
        }
    }

    #[test]
    fn closing_is_counted_once() {
        let mut streams = Streams::default();
        streams.open(1, State::PEER_HEADERS);
        for _ in 0..3 {
            streams.note(1, State::WE_RESET);
            streams.note(1, ENDED);
        }
        assert_eq!(streams.note(3, ENDED), None);
        assert_eq!(streams.open_count(), 0);
    }

    #[test]
    fn order_is_kept_whatever_is_opened_when() {
        let mut streams = Streams::default();
        for id in [5, 1, 9, 3, 3, 7] {
            streams.open(id, State::PEER_HEADERS);
        }
        assert_eq!((streams.open_count(), streams.highest()), (5, 9));
        assert!([1, 3, 5, 7, 9].iter().all(|&id| streams.state(id).is_some()));
    }
}
