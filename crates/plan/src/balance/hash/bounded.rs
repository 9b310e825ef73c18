//! Bounded load: how much an endpoint may have in flight before a key goes to the next one. Used by the hashing algorithms.

/// How many exchanges an endpoint may have in flight, the new one included (Mirrokni, Thorup and Zadimoghaddam 2016): `factor`
/// times its share by weight of all that is in flight once the new one is, rounded up, and at least 1.
///
/// `in_flight_total` and `weights_total` are sums over the same endpoints: those that may be chosen. An endpoint is admitted
/// while fewer than this are in flight at it. As the caps add up to at least `factor` times the total, one of them always is;
/// so `factor` is 1 or more, and what is less, or no number, counts as 1.
pub fn cap(factor: f64, in_flight_total: u32, weight: u32, weights_total: u64) -> u32 {
    let total = f64::from(in_flight_total) + 1.0;
    let share = total * f64::from(weight) / weights_total.max(1) as f64;
    // The cast ends at the bounds of the type.
    ((factor.max(1.0) * share).ceil() as u32).max(1)
}

#[cfg(test)]
mod tests;
