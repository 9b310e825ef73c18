//! Where a worker looks first among many endpoints: a few that it has used a moment ago. Asked by the algorithms that sample.
//!
//! Whoever goes through thousands of endpoints at random meets a connection, in the kernel too, that is in no cache. Staying
//! for a while costs nobody anything as long as there is somebody idle to be found; over time every endpoint gets its turn.

/// The endpoints that a worker looks at first; they are spread over the whole list, because neighbours may share a machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// The position of the first.
    pub(super) start: usize,
    /// How many were drawn since it moved.
    pub(super) drawn: usize,
}

impl Around {
    /// A position among `count`; all are drawn equally often, in the long run.
    pub(super) fn draw(&mut self, count: usize, random: &mut fastrand::Rng) -> usize {
        if self.drawn >= STAY {
            *self = Self { start: (self.start + 1) % count, drawn: 0 };
        }
        self.drawn += 1;
        (self.start + random.usize(0..SPAN) * count / SPAN) % count
    }
}

/// How many endpoints are around.
pub(super) const SPAN: usize = 16;

/// How often is drawn before the next: with eight draws for a request, each endpoint gets sixteen requests or so.
const STAY: usize = SPAN * 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_a_turn_and_as_many_as_anybody_else() {
        let mut random = fastrand::Rng::with_seed(1);
        for count in [65, 100, 1000] {
            let mut around = Around::default();
            let mut drawn = vec![0; count];
            for _ in 0..count * STAY {
                drawn[around.draw(count, &mut random)] += 1;
            }
            let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
            assert!(*least > STAY * 9 / 10 && *most < STAY * 11 / 10, "{count}: {least} to {most}");
        }
    }

    #[test]
    fn few_are_used_in_a_short_time() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut around = Around::default();
        let drawn: std::collections::HashSet<usize> =
            (0..STAY).map(|_| around.draw(10_000, &mut random)).collect();
        assert_eq!(drawn.len(), SPAN);
    }
}
