//! The session cookies that clients have: which endpoint answered each of them last. `run` asks before a choice.

use evenkeel_plan::balance::{SessionCookie, SessionKey, Sticky};

use crate::scenario::Scenario;

/// What clients have, by their numbers.
#[derive(Debug)]
pub(crate) struct Cookies {
    /// What the balancers are told to set; `None` if nobody has a cookie.
    sticky: Option<Sticky>,
    /// The number of an endpoint, plus 1; 0 for none.
    endpoints: Vec<u32>,
}

impl Cookies {
    /// Those of a scenario; no client has one yet.
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let own = scenario.balancing.sticky.clone();
        let own = own.filter(|sticky| matches!(sticky, Sticky::Cookie(_)));
        // Nothing is signed here, so any key will do.
        let key = SessionKey::from_bytes([0; 32]);
        let default = || Sticky::Cookie(SessionCookie::new("session", [key]));
        let sticky = own.or_else(|| scenario.sessions.then(default));
        Self { sticky, endpoints: Vec::new() }
    }

    /// What the balancers are told to set.
    pub(crate) fn sticky(&self) -> Option<Sticky> {
        self.sticky.clone()
    }

    /// The number of the endpoint that the cookie of `client` names.
    pub(crate) fn endpoint(&self, client: u32) -> Option<usize> {
        let endpoint = *self.endpoints.get(client as usize)?;
        (endpoint as usize).checked_sub(1)
    }

    /// The endpoint of that number has answered `client`.
    pub(crate) fn set(&mut self, client: u32, endpoint: usize) {
        if self.sticky.is_none() {
            return;
        }
        let client = client as usize;
        if client >= self.endpoints.len() {
            self.endpoints.resize(client + 1, 0);
        }
        self.endpoints[client] = endpoint as u32 + 1;
    }
}
