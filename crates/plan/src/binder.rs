//! Opening and closing listeners, in two phases, so that a plan that cannot be bound is refused as a whole.
//!
//! `proxy` implements [`Binder`], the binary hands it to the conductor in `control`; neither knows the other.

use std::io;
use std::sync::Arc;

use crate::Plan;
use crate::listener::Bind;

/// Opens and closes the sockets of listeners.
pub trait Binder: Send {
    /// Binds every address of `plan` that is not bound yet, without accepting on it. All or nothing.
    ///
    /// # Errors
    /// The first address that could not be bound; then none of the new ones is.
    fn prepare(&mut self, plan: &Plan) -> Result<(), BindError>;

    /// Accepts on what was prepared, and stops accepting on what `plan` no longer names. Called after the publish.
    fn commit(&mut self, plan: &Arc<Plan>);
}

/// An address that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// The listener that wanted it.
    pub listener: Box<str>,
    /// The address.
    pub bind: Bind,
    /// What the system said.
    pub source: io::Error,
}
