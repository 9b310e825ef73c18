//! What an origin's threads share: its records, its open sockets, and whether it shall stop.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::{io, mem};

use super::Request;
use crate::gate::{Gate, lock};

#[derive(Default)]
pub(super) struct State {
    records: Mutex<Records>,
    /// Opened to stop; renewed by a restart.
    stopping: Mutex<Gate>,
}

#[derive(Default)]
struct Records {
    requests: Vec<Request>,
    received: Vec<Arc<Mutex<Vec<u8>>>>,
    open: Vec<(usize, TcpStream)>,
}

/// One accepted connection.
pub(super) struct Connection {
    pub(super) number: usize,
    pub(super) received: Arc<Mutex<Vec<u8>>>,
}

impl State {
    pub(super) fn begin(&self) {
        *lock(&self.stopping) = Gate::new();
    }

    /// Wakes every thread that reads or pauses.
    pub(super) fn stop(&self) {
        self.stopping().open();
        for (_, stream) in mem::take(&mut lock(&self.records).open) {
            // The other side may have closed it before.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping().is_open()
    }

    /// The gate that opens when the origin stops.
    pub(super) fn stopping(&self) -> Gate {
        lock(&self.stopping).clone()
    }

    pub(super) fn admit(&self, stream: &TcpStream) -> io::Result<Connection> {
        let handle = stream.try_clone()?;
        let mut records = lock(&self.records);
        let number = records.received.len();
        let received = Arc::new(Mutex::new(Vec::new()));
        records.received.push(Arc::clone(&received));
        records.open.push((number, handle));
        Ok(Connection { number, received })
    }

    pub(super) fn dismiss(&self, connection: &Connection) {
        lock(&self.records).open.retain(|(number, _)| *number != connection.number);
    }

    pub(super) fn record(&self, request: Request) {
        lock(&self.records).requests.push(request);
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.records).requests.clone()
    }

    pub(super) fn request_count(&self) -> usize {
        lock(&self.records).requests.len()
    }

    pub(super) fn connection_count(&self) -> usize {
        lock(&self.records).received.len()
    }

    pub(super) fn open_connection_count(&self) -> usize {
        lock(&self.records).open.len()
    }

    pub(super) fn received(&self, number: usize) -> Vec<u8> {
        let received = lock(&self.records).received.get(number).cloned();
        received.map(|bytes| lock(&bytes).clone()).unwrap_or_default()
    }
}
