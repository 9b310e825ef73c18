//! The endpoints' side: connections, idle or in use, to one endpoint after the other.

pub(crate) mod attempt;
pub(crate) mod connect;
pub(crate) mod inquiry;
pub(crate) mod link;
pub(crate) mod multiplexed;
pub(crate) mod opening;
pub(crate) mod pool;
pub(crate) mod slot;
