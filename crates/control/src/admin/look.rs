//! The paths of the admin API that show what is in flight: each asks all workers, and waits a second for them at most.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use evenkeel_plan::sight::{Answer, Connection, Question, Tell};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::fields::{Fields, Form};
use super::in_flight::{ConnectionInFlight, InFlight};
use super::problem::{Problem, unknown};
use crate::overview::Overview;

pub(super) async fn show_connections(
    State(shared): State<Shared>,
    uri: Uri,
) -> Result<Json<InFlight>, Problem> {
    show(&shared, question(&uri, false)?).await
}

pub(super) async fn show_exchanges(
    State(shared): State<Shared>,
    uri: Uri,
) -> Result<Json<InFlight>, Problem> {
    show(&shared, question(&uri, true)?).await
}

fn question(uri: &Uri, exchanges_only: bool) -> Result<Question, Problem> {
    static FORM: Form = Form { names: &["listener", "limit"], example: "?listener=web&limit=100" };
    let fields = Fields::of_query(&FORM, uri)?;
    let limit = fields.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let listener = fields.text("listener")?.map(Into::into);
    Ok(Question { listener, exchanges_only, max: limit.try_into().unwrap_or(usize::MAX) })
}

async fn show(shared: &Shared, question: Question) -> Result<Json<InFlight>, Problem> {
    let seen = look(&shared.overview, &question).await;
    match question.listener {
        // A listener that is gone may have connections left, so its name is known as long as there are some.
        Some(name) if seen.total == 0 => known_listener(&shared.overview, &name)?,
        _ => {}
    }
    Ok(Json(seen))
}

/// An empty list would say that a listener is idle whose name is only misspelt.
fn known_listener(overview: &Overview, name: &str) -> Result<(), Problem> {
    let plan = overview.plan();
    let names: Vec<&str> = plan.listeners.iter().map(|listener| &*listener.name).collect();
    if names.contains(&name) { Ok(()) } else { Err(unknown("listener", name, &names)) }
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
pub(super) async fn gather<A>(mut told: mpsc::Receiver<A>, workers: usize) -> Vec<A> {
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
const LIMIT_DEFAULT: u64 = 100;

/// Some megabytes of JSON. Each worker may have to hold as many for a moment.
const LIMIT_MAX: u64 = 10_000;

#[cfg(test)]
mod tests;
