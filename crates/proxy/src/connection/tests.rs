use std::sync::Arc;

use super::*;
use crate::fixture::{listener, worker};

fn connection() -> Connection {
    let worker = worker();
    let crew = Arc::clone(&worker.crew);
    let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let client = ([127, 0, 0, 1], 5000).into();
    let entrance = Entrance::new("web".into(), &listener());
    Connection::new(worker, Io::new(socket.into()), client, entrance, crew.join(0, None))
}

/// There may be very many connections that do nothing: what a request needs must not be part of them.
#[test]
fn a_connection_at_rest_is_small() {
    let serving = connection().serve();
    assert!(size_of_val(&serving) <= 384, "{} bytes", size_of_val(&serving));
}

#[test]
fn a_connection_is_counted_for_as_long_as_it_lives() {
    let connection = connection();
    let Entrance { counters, .. } = connection.entrance.clone();
    let active = || counters.shard(0).connections_active.level();
    assert_eq!((active(), counters.shard(0).connections.count()), (1, 1));
    drop(connection);
    assert_eq!((active(), counters.shard(0).connections.count()), (0, 1));
}
