//! The latest stories of one worker, a ring for each kind, bounded in number and in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Kind, Question, Reach, Story};
use crate::limits::{STORIES_BYTES_MAX, STORIES_MAX};

/// The latest stories, by kind.
#[derive(Debug, Default)]
pub struct Ring {
    kinds: [Latest; Kind::ALL.len()],
}

/// Those of one kind, the oldest first.
#[derive(Debug, Default)]
struct Latest {
    stories: VecDeque<Arc<Story>>,
    bytes: usize,
    forgotten: u64,
}

impl Ring {
    /// Keeps a story; the oldest of its kind make room.
    pub fn keep(&mut self, story: Story) {
        self.kinds[story.kind as usize].keep(story);
    }

    /// The stories that are asked for, the latest first.
    pub fn recall(&self, question: &Question) -> Vec<Arc<Story>> {
        let all = self.kinds.iter().flat_map(|kind| &kind.stories);
        let mut found: Vec<_> = all.filter(|story| story.answers(question)).cloned().collect();
        found.sort_by_key(|story| std::cmp::Reverse(story.began));
        found.truncate(question.max);
        found
    }

    /// How far back it reaches, in the order of [`Kind::ALL`].
    pub fn reaches(&self) -> [Reach; Kind::ALL.len()] {
        self.kinds.each_ref().map(Latest::reach)
    }
}

impl Latest {
    fn keep(&mut self, story: Story) {
        self.bytes += story.bytes();
        self.stories.push_back(Arc::new(story));
        while self.stories.len() > STORIES_MAX || self.bytes > STORIES_BYTES_MAX {
            let Some(oldest) = self.stories.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.forgotten += 1;
        }
    }

    fn reach(&self) -> Reach {
        let oldest = self.stories.front().map(|story| story.began);
        Reach { kept: self.stories.len(), forgotten: self.forgotten, oldest }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::story::tests::story;

    fn numbered(number: u64, kind: Kind) -> Story {
        Story {
            kind,
            request_id: number.to_string().into(),
            began: Duration::from_secs(number),
            ..story()
        }
    }

    #[test]
    fn ten_thousand_failures_leave_the_latest_and_push_out_no_other_kind() {
        let mut ring = Ring::default();
        ring.keep(numbered(0, Kind::Slow));
        (1..=10_000).for_each(|number| ring.keep(numbered(number, Kind::Failed)));
        let [failed, _, slow, _] = ring.reaches();
        assert_eq!((failed.kept, failed.forgotten), (STORIES_MAX, 10_000 - STORIES_MAX as u64));
        assert_eq!(failed.oldest, Some(Duration::from_secs(10_001 - STORIES_MAX as u64)));
        assert_eq!((slow.kept, slow.forgotten, slow.oldest), (1, 0, Some(Duration::ZERO)));
        let found = ring.recall(&Question { max: 3, ..Question::default() });
        let ids: Vec<&str> = found.iter().map(|story| &*story.request_id).collect();
        assert_eq!(ids, ["10000", "9999", "9998"]);
    }

    #[test]
    fn long_stories_are_bounded_by_their_bytes() {
        let mut ring = Ring::default();
        let long = |number| Story {
            attempts: vec![story().attempts[0].clone(); 16],
            path: "x".repeat(9_000).into(),
            ..numbered(number, Kind::Failed)
        };
        (0..1_000).for_each(|number| ring.keep(long(number)));
        let all = ring.recall(&Question { max: usize::MAX, ..Question::default() });
        let bytes: usize = all.iter().map(|story| story.bytes()).sum();
        assert!(bytes <= STORIES_BYTES_MAX && bytes > STORIES_BYTES_MAX / 2, "{bytes}");
        assert_eq!(bytes, ring.kinds[0].bytes);
        assert!(all.len() < STORIES_MAX && !all.is_empty());
    }

    #[test]
    fn a_question_is_answered_by_identity_by_cluster_and_by_status() {
        let mut ring = Ring::default();
        ring.keep(Story { cluster: Some("a".into()), ..numbered(1, Kind::Failed) });
        ring.keep(Story { cluster: None, status: Some(404), ..numbered(2, Kind::Client) });
        ring.keep(Story { cluster: Some("b".into()), ..numbered(3, Kind::Rescued) });
        let all = Question { max: 9, ..Question::default() };
        for (question, expected) in [
            (all.clone(), &["3", "2", "1"][..]),
            (Question { request_id: Some("2".into()), ..all.clone() }, &["2"]),
            (Question { request_id: Some("4".into()), ..all.clone() }, &[]),
            (Question { cluster: Some("a".into()), ..all.clone() }, &["1"]),
            (Question { status: Some(404), ..all.clone() }, &["2"]),
            (Question { kind: Some(Kind::Client), ..all.clone() }, &["2"]),
            (Question { max: 1, ..all }, &["3"]),
        ] {
            let found = ring.recall(&question);
            let ids: Vec<&str> = found.iter().map(|story| &*story.request_id).collect();
            assert_eq!(ids, expected, "{question:?}");
        }
    }
}
