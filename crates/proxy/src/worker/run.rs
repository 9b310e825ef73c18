//! The life of a worker's thread: it does what it is told, serves connections, drains and ends.

use std::collections::HashMap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use evenkeel_plan::listener::Bind;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::task::{JoinHandle, spawn_local};

use super::Worker;
use super::accept::{Door, accept, accept_rest, serve};
use super::crew::{Change, Command, Crew, Errand, Recall};
use super::steady::steadily;
use crate::upstream::inquiry::make_inquiries;

/// Where a worker hears from others.
#[derive(Debug)]
pub(crate) struct Ears {
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) errands: Receiver<Errand>,
}

/// What it hears.
enum Heard {
    Command(Command),
    Errand(Errand),
}

/// The sockets that this worker accepts on. There may be thousands.
#[derive(Default)]
struct Openings {
    /// Several sockets may be inherited under one name.
    by_bind: HashMap<Bind, Vec<Opening>>,
}

/// A socket that this worker accepts on.
struct Opening {
    door: Rc<Door>,
    accepting: JoinHandle<()>,
}

/// Serves until told to stop.
pub(crate) async fn run(worker: Rc<Worker>, crew: Arc<Crew>, mut ears: Ears) {
    let time_keeper = Rc::clone(&worker);
    spawn_local(steadily("time", move || Rc::clone(&time_keeper).keep_time()));
    let inquirer = Rc::clone(&worker);
    spawn_local(steadily("inquiries", move || make_inquiries(Rc::clone(&inquirer))));
    let mut openings = Openings::default();
    while let Some(heard) = ears.next().await {
        match heard {
            Heard::Command(Command::Turn(changes)) => {
                for change in changes {
                    openings.apply(&worker, &crew, change).await;
                }
                // Who lies idle on a listener that is gone shall see that now.
                worker.world();
            }
            Heard::Command(Command::Drain { within }) => {
                worker.stop_within.set(within);
                openings.close_all(&worker, &crew).await;
                drain(&worker, &crew, &mut ears).await;
                return;
            }
            Heard::Command(Command::Stop) => return,
            Heard::Errand(errand) => run_errand(&worker, &crew, errand),
        }
    }
}

fn run_errand(worker: &Rc<Worker>, crew: &Arc<Crew>, errand: Errand) {
    match errand {
        Errand::Adopt(accepted) => serve(worker, crew, accepted),
        Errand::MakeWay(life) => worker.world().make_way(&life),
        Errand::Look(look) => worker.looks.begin(look),
        Errand::Recall(Recall { question, tell }) => tell(worker.recall(&question)),
    }
}

impl Ears {
    /// The next that is heard, commands first; `None` when nobody can command any more.
    async fn next(&mut self) -> Option<Heard> {
        tokio::select! {
            biased;
            command = self.commands.recv() => command.map(Heard::Command),
            Some(errand) = self.errands.recv() => Some(Heard::Errand(errand)),
        }
    }
}

impl Openings {
    async fn apply(&mut self, worker: &Rc<Worker>, crew: &Arc<Crew>, change: Change) {
        match change {
            Change::Listen { listener, bind, socket } => {
                self.open(worker, crew, (listener, bind), socket);
            }
            Change::Rename { bind, listener } => {
                let renamed = self.by_bind.get(&bind).into_iter().flatten();
                renamed.for_each(|opening| opening.door.rename(&listener));
            }
            Change::Close { bind } => {
                for opening in self.by_bind.remove(&bind).unwrap_or_default() {
                    close(worker, crew, opening).await;
                }
            }
        }
    }

    /// Nothing in here can fail: the plan is in force, and nobody would bind the address again.
    fn open(
        &mut self,
        worker: &Rc<Worker>,
        crew: &Arc<Crew>,
        (listener, bind): (Arc<str>, Bind),
        socket: Arc<TcpListener>,
    ) {
        let is_inherited = matches!(bind, Bind::Inherited(_));
        let door = Rc::new(Door::new(listener, socket, is_inherited));
        let (worker, crew, at) = (Rc::clone(worker), Arc::clone(crew), Rc::clone(&door));
        let accept = move || accept(Rc::clone(&worker), Arc::clone(&crew), Rc::clone(&at));
        let accepting = spawn_local(steadily("accept", accept));
        self.by_bind.entry(bind).or_default().push(Opening { door, accepting });
    }

    async fn close_all(&mut self, worker: &Rc<Worker>, crew: &Arc<Crew>) {
        for opening in self.by_bind.drain().flat_map(|(_, openings)| openings) {
            close(worker, crew, opening).await;
        }
    }
}

async fn close(worker: &Rc<Worker>, crew: &Arc<Crew>, opening: Opening) {
    opening.accepting.abort();
    // It has the socket, too, and who connects between our last look into the queue and the end of the socket is reset.
    let _ = opening.accepting.await;
    // Who passed us an inherited socket goes on listening: what is in its queue, and what will be, is for the next who accepts.
    if !opening.door.is_inherited {
        accept_rest(worker, crew, &opening.door);
    }
}

/// Lets running exchanges finish. Ends when none is left, or when told to stop.
async fn drain(worker: &Rc<Worker>, crew: &Arc<Crew>, ears: &mut Ears) {
    worker.draining.set(true);
    worker.deadlines.wake_all();
    worker.world().clear_pools();
    if has_emptied(worker, crew, ears).await {
        // From now on whoever wants to pass on a connection keeps it. What was passed on before is served, too.
        ears.errands.close();
        has_emptied(worker, crew, ears).await;
    }
}

/// Serves what other workers have passed on, and waits until no connection is left. False when told to stop.
async fn has_emptied(worker: &Rc<Worker>, crew: &Arc<Crew>, ears: &mut Ears) -> bool {
    while let Ok(errand) = ears.errands.try_recv() {
        run_errand(worker, crew, errand);
    }
    let mut looks = tokio::time::interval(crate::deadline::TICK);
    while crew.connections(worker.index) > 0 {
        tokio::select! {
            heard = ears.next() => match heard {
                Some(Heard::Errand(errand)) => run_errand(worker, crew, errand),
                Some(Heard::Command(Command::Stop)) | None => return false,
                // Too late for another plan.
                Some(Heard::Command(_)) => {}
            },
            _ = looks.tick() => {}
        }
    }
    true
}

#[cfg(test)]
mod tests;
