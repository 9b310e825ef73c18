//! Asks the admin API of a running balancer, and orders changes from it; blocking. Used by `status`, `top`, `drain` and the other
//! commands that talk to a balancer.

use std::time::Duration;

use evenkeel_control::admin::{EventList, ReloadRequest, RequestStory, Status, StoryList};
use evenkeel_control::conductor::Applied;
use hyper::Method;
use serde::de::DeserializeOwned;
use tokio::runtime::{self, Runtime};

mod args;
mod change;
mod error;
mod exchange;
mod place;
mod token;

pub(crate) use self::args::AdminArgs;
pub(crate) use self::change::Change;
pub(crate) use self::error::{ClientError, Refusal};

use self::args::{Reached, Surroundings};
use self::exchange::{Answer, Question};
use self::place::Located;
use self::token::Token;

/// Where the API is, and what opens it. Each question goes over a connection of its own, so a balancer may restart in between.
pub(crate) struct AdminClient {
    located: Located,
    token: Option<Token>,
    runtime: Runtime,
}

/// What the API said: understood, and as it came.
#[derive(Debug)]
pub(crate) struct Said<T> {
    pub(crate) meaning: T,
    pub(crate) json: String,
}

impl AdminClient {
    /// For the API that `args` and the environment lead to. Nothing is connected yet.
    pub(crate) fn new(args: &AdminArgs) -> Result<Self, ClientError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let broken = |error| ClientError::Unusable(format!("cannot start: {error}"));
        let Reached { located, token } = args.reach(&Surroundings::here())?;
        Ok(AdminClient { located, token, runtime: runtime.map_err(broken)? })
    }

    /// Where the API is, as people write it.
    pub(crate) fn address(&self) -> String {
        self.located.place.to_string()
    }

    /// How everything stands.
    pub(crate) fn status(&self) -> Result<Said<Status>, ClientError> {
        self.ask(&Question::get("/api/v1/status"))
    }

    /// What happened after event number `since`.
    pub(crate) fn events(&self, since: u64) -> Result<EventList, ClientError> {
        let path = format!("/api/v1/events?since={since}");
        Ok(self.ask(&Question::get(&path))?.meaning)
    }

    /// What has become of the request with this identity.
    pub(crate) fn story(&self, id: &str) -> Result<Said<RequestStory>, ClientError> {
        self.ask(&Question::get(&format!("/api/v1/why/{}", change::encoded(id))))
    }

    /// At most `limit` requests that failed or were slow, the latest first; of one cluster and of one status, if that is wanted.
    pub(crate) fn stories(
        &self,
        (cluster, kind): (Option<&str>, Option<&str>),
        status: Option<u16>,
        limit: u16,
    ) -> Result<Said<StoryList>, ClientError> {
        let of = [
            cluster.map(|name| format!("&cluster={}", change::encoded(name))),
            status.map(|status| format!("&status={status}")),
            kind.map(|kind| format!("&kind={kind}")),
        ];
        let of: String = of.into_iter().flatten().collect();
        self.ask(&Question::get(&format!("/api/v1/why?limit={limit}{of}")))
    }

    /// Whether it is ready; if not, in its own words why.
    pub(crate) fn readiness(&self) -> Result<Result<(), String>, ClientError> {
        let answer = self.exchange(&Question::get("/readyz"))?;
        match answer.status {
            200 => Ok(Ok(())),
            503 => Ok(Err(answer.text.trim().to_owned())),
            _ => Err(self.located.strange(&answer)),
        }
    }

    /// Makes a change that stays until it is taken back.
    pub(crate) fn change(&self, change: &Change) -> Result<Said<Applied>, ClientError> {
        let (path, body) = (change.path(), change.body());
        self.ask(&Question { method: change.method(), path: &path, body, within: RELOAD })
    }

    /// Makes it read its config again.
    pub(crate) fn reload(&self, how: ReloadRequest) -> Result<Said<Applied>, ClientError> {
        let (path, body) = ("/api/v1/reload", Some(change::json(&how)));
        self.ask(&Question { method: Method::POST, path, body, within: RELOAD })
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, time: Duration) {
        // The timer belongs to the runtime, so it is made inside.
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    fn ask<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<Said<T>, ClientError> {
        let answer = self.exchange(question)?;
        match answer.status {
            200 | 201 => match serde_json::from_str(&answer.text) {
                Ok(meaning) => Ok(Said { meaning, json: answer.text }),
                Err(_) => Err(self.located.strange(&answer)),
            },
            401 | 403 => Err(ClientError::Denied(error::denied(&answer, self.token.is_some()))),
            _ => match Refusal::read(&answer) {
                Some(refusal) => Err(ClientError::Refused(refusal)),
                None => Err(self.located.strange(&answer)),
            },
        }
    }

    fn exchange(&self, question: &Question<'_>) -> Result<Answer, ClientError> {
        let exchange = exchange::exchange(&self.located.place, self.token.as_ref(), question);
        let answered = self.runtime.block_on(exchange);
        answered.map_err(|trouble| self.located.unreachable(&trouble))
    }
}

/// How long an answer may take: a status of ten thousand endpoints takes a tenth of it.
const ANSWER: Duration = Duration::from_secs(5);

/// The same of a reload, which waits for names to resolve and for files to be read.
const RELOAD: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
