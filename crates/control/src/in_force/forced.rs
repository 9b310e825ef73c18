//! Since when operators overrule the checks of which endpoints. Kept by [`super::InForce`], shown by the status.

use std::collections::HashMap;

use evenkeel_plan::endpoint::Forced;

use crate::config::Config;
use crate::journal::EndpointKey;

/// The endpoints that are forced into a state, and since when, in seconds of Unix time.
#[derive(Debug, Default)]
pub(crate) struct ForcedSince(HashMap<EndpointKey, (Forced, f64)>);

impl ForcedSince {
    /// Those of `config`. Who was in the same state before is so since then, all others since `now`.
    pub(super) fn follow(&self, config: &Config, now: f64) -> Self {
        let endpoints = config.clusters.iter().flat_map(|cluster| {
            cluster.endpoints.iter().filter_map(move |endpoint| {
                let key = EndpointKey::new(&cluster.name, &endpoint.name);
                Some((key, endpoint.forced?))
            })
        });
        let since = |key: &EndpointKey, forced| match self.0.get(key) {
            Some((before, since)) if *before == forced => *since,
            _ => now,
        };
        let known = endpoints.map(|(key, forced)| {
            let since = since(&key, forced);
            (key, (forced, since))
        });
        Self(known.collect())
    }

    /// In seconds of Unix time; `None` if nobody forces it.
    pub(crate) fn of(&self, key: &EndpointKey) -> Option<f64> {
        self.0.get(key).map(|(_, since)| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::config;

    #[test]
    fn an_endpoint_is_forced_since_it_was_first_said_and_not_since_the_last_change() {
        let key = EndpointKey::new("api", "10.0.0.1:80");
        let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80", "10.0.0.2:80"])]);
        let mut say = |before: &ForcedSince, forced, now| {
            config.clusters[0].endpoints[0].forced = forced;
            before.follow(&config, now)
        };
        let nobody = say(&ForcedSince::default(), None, 1.0);
        assert_eq!(nobody.of(&key), None);
        let up = say(&nobody, Some(Forced::Up), 2.0);
        assert_eq!(up.of(&key), Some(2.0));
        let still = say(&up, Some(Forced::Up), 3.0);
        assert_eq!(still.of(&key), Some(2.0));
        let down = say(&still, Some(Forced::Down), 4.0);
        assert_eq!(down.of(&key), Some(4.0));
        assert_eq!(say(&down, None, 5.0).of(&key), None);
    }
}
