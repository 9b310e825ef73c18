//! Why a request was refused before anybody was asked, in one sentence: a rule, or no room. Called by the sentence.

use super::sentence::shown;
use super::{Bar, LimitKey, Story, Wait};
use crate::reason::Reason;

impl Story {
    /// Whose rule refused it, or who had no room for it.
    pub(super) fn refusal(&self, reason: Reason) -> String {
        let status = self.end();
        match (&self.rule, &self.route, &self.wait) {
            (Some(rule), Some(route), _) => {
                format!("Refused with {status} by the route {route}: its {rule}.")
            }
            (Some(rule), None, _) => {
                let listener = &self.listener;
                format!(
                    "Refused with {status} by the listener {listener}, before a route was looked for: its {rule}."
                )
            }
            (None, _, Some(wait)) => self.no_room(reason, &status, wait),
            (None, _, None) => format!("Refused with {status}: {}", reason.sentence()),
        }
    }

    fn no_room(&self, reason: Reason, status: &str, wait: &Wait) -> String {
        let full = self.full(wait);
        let Wait { pending, pending_wait, .. } = wait;
        match (reason, wait.waited.map(shown)) {
            (Reason::Overloaded, None) if *pending == 0 => {
                format!("Refused with {status}: {full}, and none may wait (`limits.pending = 0`).")
            }
            (Reason::Overloaded, None) => {
                format!(
                    "Refused with {status}: {full}, and as many waited as may (`limits.pending = {pending}`)."
                )
            }
            (Reason::Overloaded, Some(waited)) => format!(
                "Refused with {status}: for {waited} {full}, and then another request took its place, as no more may wait \
                 (`limits.pending = {pending}`)."
            ),
            (Reason::PendingTimeout, Some(waited)) => format!(
                "Refused with {status}: for {waited} {full}, and it may wait no longer (`limits.pending_wait = {pending_wait:?}`)."
            ),
            (_, Some(waited)) => format!("{} For {waited} {full}.", reason.sentence()),
            (_, None) => format!("{} At first {full}.", reason.sentence()),
        }
    }

    /// Who had no room for it, and by which limits.
    fn full(&self, wait: &Wait) -> String {
        let (who, at) = match wait.session_at.as_deref() {
            Some(at) => (format!("the endpoint of its session, {at}, had no room"), Some(at)),
            None => ("no endpoint had room".to_owned(), None),
        };
        let meant = self.candidates.iter().filter(|it| at.is_none_or(|at| *it.endpoint == *at));
        let fulls: Vec<_> = meant.filter_map(|it| it.bar.and_then(Bar::full)).collect();
        let limits = [LimitKey::Requests, LimitKey::Connections, LimitKey::Adaptive];
        let limits: Vec<String> = limits
            .into_iter()
            .filter_map(|key| {
                let mosts = || fulls.iter().filter(|full| full.key == key).map(|full| full.most);
                Some(key.shown(mosts().min()?, mosts().max()?))
            })
            .collect();
        if limits.is_empty() { who } else { format!("{who} ({})", limits.join(", ")) }
    }
}

impl LimitKey {
    /// With what it allows, which it does not to all alike if it was found out.
    fn shown(self, least: u32, most: u32) -> String {
        let name = self.name();
        match self {
            Self::Requests | Self::Connections => format!("`{name} = {most}`"),
            Self::Adaptive if least == most => format!("`{name}` allows {most} at a time"),
            Self::Adaptive => format!("`{name}` allows {least} to {most} at a time"),
        }
    }
}
