//! Listening sockets: one for each worker and address, all or none. Made when a plan is prepared, handed out when it is in force.
//! Inherited ones are not made but shared.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Weak};

use evenkeel_plan::Plan;
use evenkeel_plan::binder::{BindError, Binder};
use evenkeel_plan::listener::Bind;
use tokio::sync::mpsc::UnboundedSender;

mod bound;
mod inherited;
mod ours;

pub use inherited::Inherited;

use crate::worker::{Change, Command};

use bound::Bound;
use ours::Ours;

/// The sockets as the conductor commands them.
#[derive(Debug)]
pub(crate) struct Sockets {
    workers: Vec<UnboundedSender<Command>>,
    inherited: Inherited,
    /// They listen, but are not accepted on yet; each with the number of the worker that will.
    prepared: HashMap<Bind, Vec<(usize, Arc<TcpListener>)>>,
    /// Every socket that we have made and nobody has closed: a worker may still have one that is no longer wanted.
    made: Vec<(Bind, Weak<TcpListener>)>,
    /// Accepted on by every worker, and for which listener.
    open: HashMap<Bind, Arc<str>>,
}

impl Sockets {
    pub(crate) fn new(workers: Vec<UnboundedSender<Command>>, inherited: Inherited) -> Self {
        let (prepared, made, open) = (HashMap::new(), Vec::new(), HashMap::new());
        Self { workers, inherited, prepared, made, open }
    }

    /// Binds what `plan` names and is not open, without listening on it.
    fn bind_all<'p>(&self, plan: &'p Plan) -> Result<Vec<(Wanted<'p>, Bound)>, BindError> {
        let wanted = plan.listeners.iter().flat_map(|listener| {
            listener.binds.iter().map(|bind| Wanted { listener: &listener.name, bind })
        });
        let new = wanted.filter(|wanted| !self.open.contains_key(wanted.bind));
        let ours = self.ours();
        new.map(|wanted| {
            let shared = ours.overlap(wanted.bind);
            let bound = Bound::to(wanted.bind, self.workers.len(), shared, &self.inherited);
            Ok((wanted, bound.map_err(|error| wanted.refused(error))?))
        })
        .collect()
    }

    /// Where sockets of ours listen, or will.
    fn ours(&self) -> Ours {
        let there = self.made.iter().filter(|(_, socket)| socket.strong_count() > 0);
        Ours::of(there.map(|(bind, _)| bind))
    }

    fn note_prepared(&mut self) {
        let prepared = self.prepared.iter().flat_map(|(bind, sockets)| {
            sockets.iter().map(|(_, socket)| (bind.clone(), Arc::downgrade(socket)))
        });
        self.made.retain(|(_, socket)| socket.strong_count() > 0);
        self.made.extend(prepared);
    }
}

/// An address, and the listener that wants it.
#[derive(Clone, Copy, Debug)]
struct Wanted<'p> {
    listener: &'p str,
    bind: &'p Bind,
}

impl Wanted<'_> {
    fn refused(self, source: io::Error) -> BindError {
        BindError { listener: self.listener.into(), bind: self.bind.clone(), source }
    }
}

impl Binder for Sockets {
    fn prepare(&mut self, plan: &Plan) -> Result<(), BindError> {
        self.prepared.clear();
        // From the moment at which we listen clients are told that they are connected, and they would have been lied to if an
        // address after that could not be had.
        let bound = self.bind_all(plan)?;
        let mut ours = self.ours();
        let listening = bound.into_iter().map(|(wanted, bound)| {
            let shared = ours.overlap(wanted.bind);
            ours.add(wanted.bind);
            let sockets = bound.listen(shared).map_err(|error| wanted.refused(error))?;
            Ok((wanted.bind.clone(), sockets))
        });
        self.prepared = listening.collect::<Result<_, _>>()?;
        self.note_prepared();
        Ok(())
    }

    fn commit(&mut self, plan: &Arc<Plan>) {
        let mut turns = Turns::new(self.workers.len());
        for listener in &plan.listeners {
            let name: Arc<str> = (&*listener.name).into();
            for bind in &listener.binds {
                self.accept_for(bind, &name, &mut turns);
            }
        }
        let wanted: HashSet<&Bind> =
            plan.listeners.iter().flat_map(|listener| &listener.binds).collect();
        let gone = self.open.extract_if(|bind, _| !wanted.contains(bind));
        gone.for_each(|(bind, _)| turns.add_for_all(|| Change::Close { bind: bind.clone() }));
        self.tell(turns);
    }
}

impl Sockets {
    /// From now on connections to `bind` are for the listener called `name`.
    fn accept_for(&mut self, bind: &Bind, name: &Arc<str>, turns: &mut Turns) {
        let before = self.open.insert(bind.clone(), Arc::clone(name));
        for (worker, socket) in self.prepared.remove(bind).into_iter().flatten() {
            let (listener, bind) = (Arc::clone(name), bind.clone());
            turns.add(worker, Change::Listen { listener, bind, socket });
        }
        if before.is_some_and(|before| before != *name) {
            let rename = || Change::Rename { bind: bind.clone(), listener: Arc::clone(name) };
            turns.add_for_all(rename);
        }
    }

    /// One command for each worker that has something to do.
    fn tell(&self, turns: Turns) {
        for (worker, (commands, turn)) in self.workers.iter().zip(turns.0).enumerate() {
            // There is room for any number of commands: an error means one thing only.
            if !turn.is_empty() && commands.send(Command::Turn(turn)).is_err() {
                tracing::error!(worker, "a worker has ended, and accepts nothing any more");
            }
        }
    }
}

/// What each worker is about to be told, by its number.
struct Turns(Vec<Vec<Change>>);

impl Turns {
    fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Vec::new()).collect())
    }

    fn add(&mut self, worker: usize, change: Change) {
        if let Some(turn) = self.0.get_mut(worker) {
            turn.push(change);
        }
    }

    fn add_for_all(&mut self, change: impl Fn() -> Change) {
        self.0.iter_mut().for_each(|turn| turn.push(change()));
    }
}

#[cfg(test)]
mod tests;
