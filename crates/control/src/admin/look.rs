//! The paths of the admin API that show what is in flight: each asks all workers, and waits a second for them at most.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use evenkeel_plan::sight::{Answer, Connection, Question, Tell};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::in_flight::{ConnectionInFlight, InFlight};
use super::problem::Problem;
use crate::overview::Overview;

/// Which connections somebody wants to see.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those of one listener, by its name; all unless it is stated.
    listener: Option<Box<str>>,
    /// How many are listed at most; 100 unless it is stated, and never more than 10,000.
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { listener: None, limit: LIMIT_DEFAULT }
    }
}

pub(super) async fn show_connections(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<InFlight>, Problem> {
    let question = question(wanted, false)?;
    Ok(Json(look(&shared.overview, &question).await))
}

pub(super) async fn show_exchanges(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<InFlight>, Problem> {
    let question = question(wanted, true)?;
    Ok(Json(look(&shared.overview, &question).await))
}

fn question(
    wanted: Result<Query<Wanted>, QueryRejection>,
    exchanges_only: bool,
) -> Result<Question, Problem> {
    let refused = |what: String| {
        let help =
            format!("`?listener=NAME&limit=NUMBER`, at most {LIMIT_MAX}; both may be left out");
        Problem::new(StatusCode::BAD_REQUEST, what).help(help)
    };
    let Query(Wanted { listener, limit }) =
        wanted.map_err(|rejection| refused(rejection.body_text()))?;
    if limit > LIMIT_MAX {
        return Err(refused(format!("a limit of {limit} is too much")));
    }
    Ok(Question { listener, exchanges_only, max: limit })
}

/// What all workers see that answer in time.
async fn look(overview: &Overview, question: &Question) -> InFlight {
    let (answers, told) = mpsc::channel(overview.workers);
    // There is room for all of them; and whoever asked may be gone.
    let tell: Tell = Arc::new(move |answer| drop(answers.try_send(answer)));
    overview.sight.look(question, tell);
    let answers = gather(told, overview.workers).await;
    let answered = |worker: &usize| answers.iter().any(|answer| answer.worker == *worker);
    let silent_workers = (0..overview.workers).filter(|worker| !answered(worker)).collect();
    let total = answers.iter().map(|answer| answer.total).sum();
    let connections = oldest(answers, question);
    InFlight { total, shown: connections.len(), silent_workers, connections }
}

/// The answers of the `workers` workers, as far as they come in time.
async fn gather(mut told: mpsc::Receiver<Answer>, workers: usize) -> Vec<Answer> {
    let until = Instant::now() + PATIENCE;
    let mut answers = Vec::with_capacity(workers);
    while answers.len() < workers
        && let Ok(Some(answer)) = timeout_at(until, told.recv()).await
    {
        answers.push(answer);
    }
    answers
}

/// The oldest of what all workers have shown, as each has shown its own oldest.
fn oldest(answers: Vec<Answer>, question: &Question) -> Vec<ConnectionInFlight> {
    let age = |seen: &Connection| match &seen.exchange {
        Some(exchange) if question.exchanges_only => exchange.running,
        _ => seen.open,
    };
    let mut seen: Vec<(usize, Connection)> = answers
        .into_iter()
        .flat_map(|Answer { worker, connections, .. }| {
            connections.into_iter().map(move |connection| (worker, connection))
        })
        .collect();
    seen.sort_by_key(|(_, connection)| Reverse(age(connection)));
    seen.truncate(question.max);
    seen.into_iter().map(|(worker, seen)| ConnectionInFlight::new(worker, seen)).collect()
}

/// A worker that takes longer than this is stuck, or has too much to do to be asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// A screenful or two.
const LIMIT_DEFAULT: usize = 100;

/// Some megabytes of JSON. Each worker may have to hold as many for a moment.
const LIMIT_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
