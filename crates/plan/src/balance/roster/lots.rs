//! Draws members in proportion to their weights, at the same cost for ten as for ten thousand: Walker's alias method, as Vose builds it
//! (IEEE Transactions on Software Engineering 17, 1991). Made anew with the roster.

use std::hint::select_unpredictable;

use fastrand::Rng;

/// One lot for each member. Whoever draws it gets the member, or the one who fills the lot up because the member weighs too little.
#[derive(Clone, Debug, Default)]
pub(super) struct Lots {
    lots: Vec<Lot>,
    /// While they are made: what is left of each member's weight, as a multiple of the mean.
    left: Vec<f64>,
    /// And who has too little left for a lot of its own, and who has more.
    small: Vec<u32>,
    large: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Lot {
    /// The part of the lot that is the member's own, of 2³².
    own: u32,
    /// Who has the rest.
    other: u32,
}

impl Lots {
    /// None, and room for those of `count` members.
    pub(super) fn new(count: usize) -> Self {
        let (lots, left) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (small, large) = (Vec::with_capacity(count), Vec::with_capacity(count));
        Self { lots, left, small, large }
    }

    /// Forgets all lots.
    pub(super) fn clear(&mut self) {
        self.lots.clear();
    }

    /// Makes the lots of members with these weights, whose mean is `mean`. Allocates nothing where there was room for as many.
    pub(super) fn make(&mut self, weights: impl Iterator<Item = u64>, mean: f64) {
        self.lots.clear();
        self.left.clear();
        self.small.clear();
        self.large.clear();
        self.left.extend(weights.map(|weight| weight as f64 / mean));
        for (member, left) in (0..).zip(&self.left) {
            // Who is left over in the end has a lot of its own, but for what was lost by rounding.
            self.lots.push(Lot { own: u32::MAX, other: member });
            let of_its_kind = if *left < 1.0 { &mut self.small } else { &mut self.large };
            of_its_kind.push(member);
        }
        while let (Some(small), Some(large)) = (self.small.pop(), self.large.pop()) {
            let own = self.left[small as usize];
            self.lots[small as usize] = Lot { own: (own * WHOLE) as u32, other: large };
            let left = &mut self.left[large as usize];
            *left -= 1.0 - own;
            let of_its_kind = if *left < 1.0 { &mut self.small } else { &mut self.large };
            of_its_kind.push(large);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.lots.is_empty()
    }

    /// Draws a member; there has to be one.
    #[inline]
    pub(super) fn draw(&self, random: &mut Rng) -> usize {
        let ticket = random.u64(..);
        // Scaling by multiplication: no division, and a bias below 2⁻³² for each member.
        let member = (((ticket >> 32) * self.lots.len() as u64) >> 32) as usize;
        let lot = self.lots[member];
        // As likely as not: a branch would be guessed wrong half of the time.
        select_unpredictable((ticket as u32) < lot.own, member, lot.other as usize)
    }
}

/// 2³².
const WHOLE: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_drawn_by_weight() {
        for weights in [vec![1], vec![5, 3, 2], vec![1000, 1, 1, 1], (1..=200).collect()] {
            let sum: u64 = weights.iter().sum();
            let mut lots = Lots::new(weights.len());
            // A second time makes the same.
            for _ in 0..2 {
                lots.make(weights.iter().copied(), sum as f64 / weights.len() as f64);
            }
            let mut counts = vec![0; weights.len()];
            let mut random = Rng::with_seed(5);
            let draws = 400_000;
            for _ in 0..draws {
                counts[lots.draw(&mut random)] += 1;
            }
            for (count, weight) in counts.iter().zip(&weights) {
                let due = f64::from(draws) * *weight as f64 / sum as f64;
                let spread = 5.0 * due.sqrt();
                assert!((f64::from(*count) - due).abs() <= spread, "{weight}: {count}, not {due}");
            }
        }
    }
}
