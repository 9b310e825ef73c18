//! The life of a worker's thread: it takes commands, serves connections, drains and ends.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use evenkeel_plan::listener::Bind;
use tokio::sync::mpsc::Receiver;
use tokio::task::{AbortHandle, spawn_local};

use super::Worker;
use super::accept::{Door, accept, accept_rest, serve};
use super::crew::{Command, Crew};

/// A socket that this worker accepts on.
struct Opening {
    bind: Bind,
    listener: Arc<str>,
    /// Another handle of the socket, for the connections that are left in its queue.
    socket: TcpListener,
    accepting: AbortHandle,
}

/// Serves until told to stop.
pub(crate) async fn run(worker: Rc<Worker>, crew: Arc<Crew>, mut commands: Receiver<Command>) {
    spawn_local(Rc::clone(&worker).keep_time());
    // Several sockets may be inherited under one name.
    let mut openings = Vec::<Opening>::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Listen { listener, bind, socket } => {
                openings.extend(open(&worker, &crew, (&listener, &bind), socket));
            }
            Command::Rename { bind, listener } => {
                let (renamed, others) = openings.into_iter().partition(|one| one.bind == bind);
                openings = others;
                for Opening { socket, accepting, .. } in renamed as Vec<_> {
                    accepting.abort();
                    openings.extend(open(&worker, &crew, (&listener, &bind), socket));
                }
            }
            Command::Close { bind } => {
                let closing = openings.extract_if(.., |opening| opening.bind == bind);
                closing.for_each(|opening| close(&worker, &crew, &opening));
            }
            Command::Adopt(accepted) => serve(&worker, &crew, accepted),
            Command::Look(look) => worker.looks.begin(look),
            Command::Drain { within } => {
                worker.drain_within.set(within);
                openings.drain(..).for_each(|opening| close(&worker, &crew, &opening));
                drain(&worker, &crew, &mut commands).await;
                return;
            }
            Command::Stop => return,
        }
    }
}

fn open(
    worker: &Rc<Worker>,
    crew: &Arc<Crew>,
    (listener, bind): (&Arc<str>, &Bind),
    socket: TcpListener,
) -> Option<Opening> {
    let second = socket.try_clone();
    let complain = |error: &io::Error| {
        tracing::error!(%listener, %bind, %error, "cannot accept connections");
    };
    let second = second.inspect_err(complain).ok()?;
    let (listener, bind) = (Arc::clone(listener), bind.clone());
    let door = Door { listener: Arc::clone(&listener), socket, is_inherited: is_inherited(&bind) };
    let accepting = accept(Rc::clone(worker), Arc::clone(crew), door);
    let accepting = spawn_local(accepting).abort_handle();
    Some(Opening { bind, listener, socket: second, accepting })
}

fn close(worker: &Rc<Worker>, crew: &Arc<Crew>, opening: &Opening) {
    opening.accepting.abort();
    // Who passed us an inherited socket goes on listening: what is in its queue, and what will be, is for the next who accepts.
    if !is_inherited(&opening.bind) {
        accept_rest(worker, crew, &opening.listener, &opening.socket);
    }
}

fn is_inherited(bind: &Bind) -> bool {
    matches!(bind, Bind::Inherited(_))
}

/// Lets running exchanges finish. Ends when none is left, or when told to stop.
async fn drain(worker: &Rc<Worker>, crew: &Arc<Crew>, commands: &mut Receiver<Command>) {
    worker.draining.set(true);
    worker.deadlines.wake_all();
    worker.world().clear_pools();
    // What another worker passed on before it knew is served too.
    while let Ok(command) = commands.try_recv() {
        match command {
            Command::Adopt(accepted) => serve(worker, crew, accepted),
            Command::Look(look) => worker.looks.begin(look),
            Command::Stop => return,
            _ => {}
        }
    }
    let mut looks = tokio::time::interval(crate::deadline::TICK);
    while crew.connections(worker.index) > 0 {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Adopt(accepted)) => serve(worker, crew, accepted),
                Some(Command::Look(look)) => worker.looks.begin(look),
                Some(Command::Stop) | None => return,
                Some(_) => {}
            },
            _ = looks.tick() => {}
        }
    }
}
