//! The paths of the admin API that tell what has become of requests: each asks all workers, and waits a second
//! for them at most.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use evenkeel_plan::story::{Answer, Kind, Question, Reach, Story, Tell};
use tokio::sync::mpsc;

use super::Shared;
use super::extract::Named;
use super::fields::{Fields, Form};
use super::look::gather;
use super::problem::Problem;
use super::stories::{RequestStory, StoryKind, StoryList, StoryReach, StorySummary};
use crate::overview::Overview;

/// What all workers remember that answered in time.
struct Remembered {
    /// With the number of the worker; the latest first.
    stories: Vec<(usize, Arc<Story>)>,
    reaches: Vec<StoryReach>,
    silent_workers: Vec<usize>,
}

pub(super) async fn list_stories(
    State(shared): State<Shared>,
    uri: Uri,
) -> Result<Json<StoryList>, Problem> {
    static FORM: Form = Form {
        names: &["cluster", "status", "kind", "limit"],
        example: "?cluster=api&status=502&kind=failed&limit=20",
    };
    let fields = Fields::of_query(&FORM, &uri)?;
    let limit = fields.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let question = Question {
        request_id: None,
        cluster: fields.text("cluster")?.map(Into::into),
        // In bounds as it is at most 999.
        status: fields.number("status", 999)?.and_then(|status| status.try_into().ok()),
        kind: fields.word("kind", &Kind::ALL.map(Kind::name))?.map(|kind| Kind::ALL[kind]),
        max: limit.try_into().unwrap_or(usize::MAX),
    };
    let Remembered { stories, reaches, silent_workers } =
        remember(&shared.overview, &question).await;
    let stories = stories.iter().map(|(_, story)| StorySummary::new(story)).collect();
    Ok(Json(StoryList { stories, reaches, silent_workers }))
}

pub(super) async fn show_story(
    State(shared): State<Shared>,
    Named(id): Named<String>,
) -> Result<Json<RequestStory>, Problem> {
    let question = Question { request_id: Some(id.as_str().into()), max: 1, ..Question::default() };
    let remembered = remember(&shared.overview, &question).await;
    match remembered.stories.first() {
        Some((worker, story)) => Ok(Json(RequestStory::new(*worker, story))),
        None => Err(unknown(&id, &remembered)),
    }
}

/// Why nothing is known about a request, as far as that can be known.
fn unknown(id: &str, remembered: &Remembered) -> Problem {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let spans: Vec<String> =
        remembered.reaches.iter().filter_map(|reach| span(reach, now)).collect();
    let mut help = if spans.is_empty() {
        "it went well at once, or was not asked here: all else is known since the start".to_owned()
    } else {
        let spans = spans.join(", ");
        format!("it went well at once, or is too long ago: {spans}, all else since the start")
    };
    if !remembered.silent_workers.is_empty() {
        help.push_str("; some workers did not answer, so ask again");
    }
    let error = format!("nothing is remembered about the request {id:?}");
    Problem::new(StatusCode::NOT_FOUND, error).help(help)
}

/// How far back exchanges of one kind are known, in words; `None` if that is since the start.
fn span(reach: &StoryReach, now: f64) -> Option<String> {
    let since = reach.since_unix_seconds?;
    let what = match reach.kind {
        StoryKind::Failed => "what failed",
        StoryKind::Rescued => "what took several attempts",
        StoryKind::Slow => "what was slow",
        StoryKind::Client => "what clients were refused or broke off",
    };
    Some(format!("{what} is known for the last {:.0} s", (now - since).max(0.0).floor()))
}

async fn remember(overview: &Overview, question: &Question) -> Remembered {
    let (answers, told) = mpsc::channel(overview.workers);
    // There is room for all of them; and whoever asked may be gone.
    let tell: Tell = Arc::new(move |answer| drop(answers.try_send(answer)));
    overview.sight.recall(question, tell);
    let answers = gather(told, overview.workers).await;
    let answered = |worker: &usize| answers.iter().any(|answer| answer.worker == *worker);
    let silent_workers = (0..overview.workers).filter(|worker| !answered(worker)).collect();
    let reaches = reaches(&answers);
    Remembered { stories: latest(answers, question.max), reaches, silent_workers }
}

fn reaches(answers: &[Answer]) -> Vec<StoryReach> {
    let of = |kind: Kind| -> Vec<Reach> {
        answers.iter().map(|answer| answer.reaches[kind as usize]).collect()
    };
    Kind::ALL.into_iter().map(|kind| StoryReach::new(kind, &of(kind))).collect()
}

/// The latest of what all workers have told, as each has told its own latest.
fn latest(answers: Vec<Answer>, max: usize) -> Vec<(usize, Arc<Story>)> {
    let mut stories: Vec<_> = answers
        .into_iter()
        .flat_map(|Answer { worker, stories, .. }| {
            stories.into_iter().map(move |story| (worker, story))
        })
        .collect();
    stories.sort_by_key(|(_, story)| std::cmp::Reverse(story.began));
    stories.truncate(max);
    stories
}

/// As many as a person looks through.
const LIMIT_DEFAULT: u64 = 20;

/// About as many as two workers keep.
const LIMIT_MAX: u64 = 2_000;

#[cfg(test)]
mod tests;
