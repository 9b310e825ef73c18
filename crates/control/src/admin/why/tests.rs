use std::time::Duration;

use super::*;
use crate::fixture::story;

fn reach(kept: usize, forgotten: u64, oldest: u64) -> Reach {
    Reach { kept, forgotten, oldest: Some(Duration::from_secs(oldest)) }
}

fn told(worker: usize, began: &[u64]) -> Answer {
    let story = |&began| Arc::new(Story { began: Duration::from_secs(began), ..story() });
    Answer { worker, stories: began.iter().map(story).collect(), ..Answer::default() }
}

#[test]
fn what_all_workers_tell_is_merged_by_time_and_cut() {
    let merged = latest(vec![told(0, &[9, 5, 1]), told(1, &[7, 6])], 4);
    let merged: Vec<_> =
        merged.iter().map(|(worker, story)| (*worker, story.began.as_secs())).collect();
    assert_eq!(merged, [(0, 9), (1, 7), (1, 6), (0, 5)]);
}

#[test]
fn all_is_known_since_the_most_forgetful_worker_began_to_forget() {
    let forgetful =
        StoryReach::new(Kind::Failed, &[reach(3, 0, 10), reach(256, 9, 40), reach(256, 1, 30)]);
    assert_eq!((forgetful.kept, forgetful.forgotten), (515, 10));
    assert_eq!(forgetful.since_unix_seconds, Some(40.0));
    assert_eq!(span(&forgetful, 52.5).as_deref(), Some("what failed is known for the last 12 s"));
    let all = StoryReach::new(Kind::Slow, &[reach(3, 0, 10)]);
    assert_eq!(span(&all, 52.5), None);
}

#[test]
fn whoever_asks_for_what_is_unknown_learns_how_far_back_all_is_known() {
    let reaches = vec![StoryReach::new(Kind::Failed, &[reach(256, 1, 1)])];
    let remembered = Remembered { stories: Vec::new(), reaches, silent_workers: vec![1] };
    let problem = unknown("nope", &remembered);
    assert_eq!(problem.status(), StatusCode::NOT_FOUND);
    let explanation = problem.explanation();
    assert_eq!(explanation.error, "nothing is remembered about the request \"nope\"");
    let help = explanation.help.as_deref().unwrap();
    assert!(help.contains("what failed is known for the last "), "{help}");
    assert!(
        help.ends_with("all else since the start; some workers did not answer, so ask again"),
        "{help}"
    );
}
