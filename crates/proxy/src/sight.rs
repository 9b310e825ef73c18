//! Asks all workers what is in flight, and what has become of exchanges that are over. Made by `proxy`; the admin API holds it as the plan's [`Sight`].

use std::sync::Arc;

use evenkeel_plan::sight::{Answer, Question, Sight, Tell};
use evenkeel_plan::story;
use tokio::sync::mpsc::Sender;

use crate::looks::Look;
use crate::worker::{Errand, Recall};

/// Where all workers can be asked.
#[derive(Debug)]
pub(crate) struct Lookout {
    mailboxes: Vec<Sender<Errand>>,
}

impl Lookout {
    pub(crate) fn new(mailboxes: Vec<Sender<Errand>>) -> Self {
        Self { mailboxes }
    }
}

impl Sight for Lookout {
    fn look(&self, question: &Question, tell: Tell) {
        for (worker, mailbox) in self.mailboxes.iter().enumerate() {
            let look = Look { question: question.clone(), tell: Arc::clone(&tell) };
            if mailbox.is_closed() {
                tell(Answer { worker, ..Answer::default() });
            } else {
                // A worker whose mailbox is full has no time for it, and one that ends at this moment nothing more to show.
                let _ = mailbox.try_send(Errand::Look(look));
            }
        }
    }

    fn recall(&self, question: &story::Question, tell: story::Tell) {
        for (worker, mailbox) in self.mailboxes.iter().enumerate() {
            let recall = Recall { question: question.clone(), tell: Arc::clone(&tell) };
            if mailbox.is_closed() {
                tell(story::Answer { worker, ..story::Answer::default() });
            } else {
                // As above.
                let _ = mailbox.try_send(Errand::Recall(recall));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;

    fn asked(mailbox: Sender<Errand>) -> mpsc::Receiver<Answer> {
        let (answers, told) = mpsc::channel();
        let tell: Tell = Arc::new(move |answer| drop(answers.send(answer)));
        Lookout::new(vec![mailbox]).look(&Question::default(), tell);
        told
    }

    fn errands(size: usize) -> (Sender<Errand>, Receiver<Errand>) {
        channel(size)
    }

    #[test]
    fn a_worker_that_has_ended_has_nothing_in_flight() {
        let (mailbox, worker) = errands(1);
        drop(worker);
        assert_eq!(asked(mailbox).recv(), Ok(Answer::default()));
    }

    #[test]
    fn a_worker_that_does_not_look_into_its_mailbox_is_not_buried_in_questions() {
        let (mailbox, mut worker) = errands(1);
        let _first = asked(mailbox.clone());
        assert!(asked(mailbox.clone()).recv().is_err(), "nobody is left who could answer");
        assert_eq!(mailbox.capacity(), 0);
        assert!(matches!(worker.try_recv(), Ok(Errand::Look(_))));
    }
}
