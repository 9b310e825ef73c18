//! The clusters of a route and how it divides requests among them.

/// One cluster of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// A position in [`crate::Plan::clusters`].
    pub cluster: usize,
    /// A position in the [`crate::Cluster::subsets`] of that cluster; `None` for all its endpoints.
    pub subset: Option<usize>,
    /// Its share relative to the others, at most [`crate::limits::WEIGHT_MAX`]; 0 gets nothing.
    pub weight: u32,
}

/// The clusters of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    list: Box<[Target]>,
    weights: u64,
}

impl Targets {
    /// Divides requests by weight. If none weighs anything, the last gets all; a config like that is refused.
    pub fn new(list: Vec<Target>) -> Self {
        let weights = list.iter().map(|target| u64::from(target.weight)).sum();
        Self { list: list.into(), weights }
    }

    /// All requests go to one cluster.
    pub fn one(cluster: usize) -> Self {
        Self::new(vec![Target { cluster, subset: None, weight: 1 }])
    }

    /// In the order of the config.
    pub fn list(&self) -> &[Target] {
        &self.list
    }

    /// The one for a request; `None` if there are none. `random` is asked for a random number only if
    /// there is a choice.
    pub fn pick(&self, random: impl FnOnce() -> u64) -> Option<&Target> {
        let (last, others) = self.list.split_last()?;
        if others.is_empty() {
            return Some(last);
        }
        // Scaling by multiplication: no division, and a bias below 2⁻³² for any sum of weights that fits in 32 bits.
        let mut ticket = ((u128::from(random()) * u128::from(self.weights)) >> 64) as u64;
        for target in others {
            match ticket.checked_sub(u64::from(target.weight)) {
                Some(rest) => ticket = rest,
                None => return Some(target),
            }
        }
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(weights: &[u32]) -> Targets {
        let target = |(cluster, &weight)| Target { cluster, subset: None, weight };
        Targets::new(weights.iter().enumerate().map(target).collect())
    }

    /// How many of `count` evenly spread numbers each cluster gets.
    fn split(weights: &[u32], count: u64) -> Vec<u64> {
        let targets = targets(weights);
        let mut got = vec![0; weights.len()];
        let step = u64::MAX / count;
        for number in 0..count {
            got[targets.pick(|| number * step + step / 2).unwrap().cluster] += 1;
        }
        got
    }

    #[test]
    fn requests_are_divided_by_weight_and_weight_0_gets_nothing() {
        assert_eq!(split(&[95, 5], 1000), [950, 50]);
        assert_eq!(split(&[0, 1, 0, 3], 1000), [0, 250, 0, 750]);
        assert_eq!(split(&[3, 0], 100), [100, 0]);
        assert_eq!(split(&[65_535, 65_535], 1000), [500, 500]);
    }

    #[test]
    fn the_ends_of_chance_stay_within_the_weights() {
        for (number, cluster) in [(0, 1), (u64::MAX, 2)] {
            assert_eq!(targets(&[0, 1, 1, 0]).pick(|| number).unwrap().cluster, cluster);
        }
    }

    #[test]
    fn one_target_needs_no_random_number() {
        assert_eq!(Targets::one(7).pick(|| panic!("asked for one")).unwrap().cluster, 7);
        assert_eq!(Targets::new(Vec::new()).pick(|| panic!("asked for one")), None);
    }
}
