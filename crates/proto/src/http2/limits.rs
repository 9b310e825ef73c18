//! The bounds that the guard keeps, with what each one is for. Made by whoever knows the config; [`Guard`](super::Guard) reads them.

use super::fault::Flood;
use super::frame::FRAME_BYTES_LEAST;

/// How much a peer may do. All of it holds for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What our SETTINGS_MAX_FRAME_SIZE says, in bytes of payload (RFC 9113 §4.2).
    pub frame_bytes_max: u32,
    /// The bytes of one block of fields, compressed, with padding and over all of its frames (CVE-2024-27316 and its kin,
    /// VU#421664). What it holds when decompressed is bounded by `h2` (SETTINGS_MAX_HEADER_LIST_SIZE).
    pub block_bytes_max: u32,
    /// The fields of one block, each crumb of a cookie counted (CVE-2026-47774, CVE-2026-49975: a byte each when compressed). Beside
    /// the bound on the whole list, which counts 32 bytes for each (RFC 9113 §6.5.2), it ends the connection, so it is far above that.
    pub fields_max: u32,
    /// The CONTINUATION frames of one block (RFC 9113 §10.5.1). `h2` derives a bound of its own from the size of lists.
    pub continuations_max: u32,
    /// The settings in one SETTINGS frame (RFC 9113 §6.5 sets no bound). Nine are defined; some clients add one of GREASE.
    pub settings_max: u32,
    /// The streams that are open at once, those that `h2` is about to refuse included. Far above our
    /// SETTINGS_MAX_CONCURRENT_STREAMS, since a client may not have seen it yet: this one bounds our own memory.
    pub streams_max: u32,
    /// How often each kind of flood may be fed.
    pub rates: [Rate; Flood::COUNT],
}

/// A burst, and how fast it is there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    interval_nanos: u64,
}

// === impl Limits ===

impl Limits {
    /// For connections of clients.
    pub const fn facing_client() -> Self {
        Self {
            frame_bytes_max: FRAME_BYTES_LEAST,
            block_bytes_max: 64 * 1024,
            fields_max: 1024,
            continuations_max: 16,
            settings_max: 32,
            streams_max: 2048,
            rates: CLIENT_RATES,
        }
    }

    /// For connections to endpoints. Resets are theirs to send, and an answer has more blocks of fields than a request.
    pub const fn facing_endpoint() -> Self {
        let mut rates = CLIENT_RATES;
        rates[Flood::Resets as usize] = Rate::new(1000, 1000);
        rates[Flood::MadeResets as usize] = Rate::new(100, 100);
        rates[Flood::Headers as usize] = Rate::new(100, 100);
        Self { rates, ..Self::facing_client() }
    }

    /// The rate of one kind.
    pub const fn rate(&self, flood: Flood) -> Rate {
        self.rates[flood as usize]
    }
}

// === impl Rate ===

impl Rate {
    /// `burst` at once, and `per_second` in the long run. Without one of the two nothing but earned credit is allowed.
    pub const fn new(burst: u32, per_second: u32) -> Self {
        match NANOS_PER_SECOND.checked_div(per_second as u64) {
            Some(interval_nanos) => Self { burst, interval_nanos },
            None => Self { burst: 0, interval_nanos: NANOS_PER_SECOND },
        }
    }

    /// From one token to the next.
    pub(super) const fn interval_nanos(self) -> u64 {
        self.interval_nanos
    }

    /// Until an empty bucket is full.
    pub(super) const fn burst_nanos(self) -> u64 {
        self.burst as u64 * self.interval_nanos
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// In the order of [`Flood`]. What is earned on top is said at [`Flood`].
const CLIENT_RATES: [Rate; Flood::COUNT] = [
    // Resets (CVE-2023-44487): a browser that leaves a page cancels all of its 100 streams, and may do so twice.
    Rate::new(200, 20),
    // Resets that the peer makes us send (CVE-2025-8671): 100 refused streams, from a client that has not seen our SETTINGS.
    Rate::new(100, 10),
    // SETTINGS (CVE-2019-9515): one, and one for each window that a client tunes.
    Rate::new(32, 2),
    // PING (CVE-2019-9512): keep-alives come every few seconds; measuring of bandwidth is paid by what we send.
    Rate::new(64, 4),
    // PRIORITY (CVE-2019-9513): Firefox once built a tree of five streams before its first request.
    Rate::new(100, 10),
    // WINDOW_UPDATE (CVE-2019-9511, CVE-2019-9517): one for the connection and a few before anything was sent.
    Rate::new(200, 100),
    // DATA without data (CVE-2019-9518, RUSTSEC-2026-0258): some libraries flush so, rarely.
    Rate::new(64, 10),
    // DATA of less than 16 bytes: a stream of small messages is no attack until it is nothing but frames' headers.
    Rate::new(10_000, 10_000),
    // HEADERS and CONTINUATION without a fragment (CVE-2019-9516, CVE-2019-9518).
    Rate::new(16, 1),
    // HEADERS on a stream that has some: trailers are paid by their stream.
    Rate::new(100, 10),
    // Types that we do not know (RFC 9113 §10.5): PRIORITY_UPDATE (RFC 9218 §7.1) is paid by its stream; GREASE is rare.
    Rate::new(100, 10),
    // GOAWAY: one to warn and one to leave (RFC 9113 §6.8).
    Rate::new(8, 1),
];
