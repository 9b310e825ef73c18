//! Every bound that is not a key of the config, in one place, with its unit and its reason.

use std::time::Duration;

/// The largest weight of an endpoint. Sums of a thousand such weights fit in 32 bits.
pub const WEIGHT_MAX: u32 = 65_535;

/// The last level of priority that an endpoint may be of: enough for whoever counts in tens.
pub const PRIORITY_MAX: u8 = 100;

/// How many workers there may be: more than any machine has cores.
pub const WORKERS_MAX: usize = 1024;

/// How many endpoints one exchange may try. More would turn an outage of the cluster into a storm of connects.
pub const TRIES_MAX: usize = 16;

/// How long an endpoint that refused a connection is avoided, while there is another one. Shorter than it takes to notice that
/// it is back, long enough to spare nearly all requests the detour.
pub const AVOID_AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// How many interim (1xx) answers an endpoint may send before its final one (RFC 9110 §15.2 sets no bound, so a hostile one would not stop).
pub const INTERIM_RESPONSES_MAX: usize = 16;

/// How many probes may run at once, over all clusters. Checks must not become the load that they look for; and ten thousand that
/// all wait for their time limit of a second must not take minutes.
pub const PROBES_AT_ONCE_MAX: usize = 512;

/// How many programs of checks may run at once, over all clusters: a process costs a hundred times what a connection does.
pub const PROGRAMS_AT_ONCE_MAX: usize = 16;

/// How many checks each endpoint of a cluster may have.
pub const CHECKS_PER_ENDPOINT_MAX: usize = 8;

/// How much of a body is searched for the text that a check wants, in bytes.
pub const CHECKED_BODY_BYTES_MAX: usize = 64 * 1024;

/// How much of what a program or an endpoint says about a failed check becomes part of the reason, in bytes.
pub const CHECK_WORDS_BYTES_MAX: usize = 200;

/// How many fields a head from an endpoint may have. Clients have a key of their own.
pub const RESPONSE_FIELDS_MAX: usize = 128;

/// How long a head from an endpoint may be, in bytes.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// How many bytes one worker may hold for peers that do not take them, before it reads only [`READ_BYTES_HIGH`] at a time for
/// anybody: a hundred slow readers may have large buffers, ten thousand may not.
pub const PARKED_BYTES_WATERMARK: usize = 32 * 1024 * 1024;

/// How much is read at once above the watermark: so much may a slow reader still make us keep.
pub const READ_BYTES_HIGH: usize = 16 * 1024;

/// How much a client must send or take for it to count as progress, in bytes. A byte now and then would keep a connection, and
/// what it holds, for ever (slow body and slow read attacks); a person on the worst of lines is faster.
pub const PROGRESS_BYTES_MIN: u64 = 1024;

/// How long the path of a route may be, in bytes. To find the longest that covers a request's path, each of its segments up to
/// here may have to be looked up: so clients cannot make that cost more than some tens of microseconds.
pub const ROUTE_PATH_BYTES_MAX: usize = 1024;

/// How many attempts on trial a half-open breaker may permit at a time: what six bits of its packed state can count.
pub const BREAKER_TRIALS_MAX: u8 = 63;

/// How many attempts a breaker may want to have seen before it judges: what a slice of its window is sure to count.
pub const BREAKER_MIN_REQUESTS_MAX: u32 = 4096;

/// How many times the first backoff a later one may be at most: sixteen times 25 ms are 400 ms, and a client waits for it.
pub const BACKOFF_GROWTH_MAX: u32 = 16;

/// How long a pause of an endpoint that asks for one (`Retry-After`) is waited for. The next attempt goes to another
/// endpoint, which may be well; and a client waits meanwhile.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// The shortest wait before an attempt is hedged: deadlines are kept to about a millisecond, and what is faster needs no hedge.
pub const HEDGE_AFTER_MIN: Duration = Duration::from_millis(1);

/// How often somebody looks for outliers. An attempt at an endpoint that has fallen silent waits for the stall's time and up to this.
pub const OUTLIER_LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How many endpoints with enough attempts it takes to compare an endpoint with its cluster. Of four, none can be 1.9 standard
/// deviations off the mean.
pub const OUTLIER_PEERS_MIN: usize = 5;

/// How far below its cluster's mean an endpoint's share of successes must be at least for it to be an outlier. Where all do
/// well, the standard deviation is so small that one failure in a thousand would be many of them.
pub const OUTLIER_MARGIN_MIN: f64 = 0.05;

/// How many failures it takes at least for an endpoint to be an outlier in its cluster: fewer come together by chance.
pub const OUTLIER_FAILURES_MIN: u32 = 5;

/// How many attempts must wait for an endpoint that falls silent to stall, as long as nobody knows how long its answers take: one or two
/// may be long requests.
pub const OUTLIER_STALL_ATTEMPTS_MIN: u32 = 3;

/// How many times its own p99 an endpoint may be silent.
pub const OUTLIER_STALL_P99_FACTOR: u32 = 10;

/// How many limits one listener or route may have: each is looked up for every request.
pub const RATE_LIMITS_MAX: usize = 8;

/// How long a quota may take to be whole again after a burst. What is remembered for longer, nobody means.
pub const RATE_WINDOW_MAX: Duration = Duration::from_hours(365 * 24);

/// How many clients' connections a listener can count at a time, where it limits them: half a megabyte.
pub const CLIENTS_COUNTED_MAX: u32 = 65_536;

/// How long an exchange may take before its story is kept although it went well: what a person notices, and most are far below.
pub const SLOW_EXCHANGE: Duration = Duration::from_secs(1);

/// How many stories of each kind one worker keeps.
pub const STORIES_MAX: usize = 256;

/// How much memory they may take of each kind, in bytes: a story of three attempts takes about one KiB.
pub const STORIES_BYTES_MAX: usize = 512 * 1024;

/// How many attempts a story tells of; those that come between the first ones and the last are counted.
pub const STORY_ATTEMPTS_MAX: usize = 16;

/// How many endpoints that might have been chosen a story names.
pub const STORY_CANDIDATES_MAX: usize = 8;

/// How many endpoints are looked at to find them: a cluster may have ten thousand, and a failure must not cost a millisecond.
pub const STORY_CANDIDATES_SEEN_MAX: usize = 64;
