//! The endpoints' side: connections, idle or in use, to one endpoint after the other.

pub(crate) mod attempt;
pub(crate) mod inquiry;
pub(crate) mod link;
pub(crate) mod pool;
pub(crate) mod slot;
