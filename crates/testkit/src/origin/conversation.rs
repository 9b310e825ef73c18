//! One connection of an origin, on its own thread: reads requests, plays scripts.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use socket2::SockRef;

use super::script::Step;
use super::state::{Connection, State};
use super::{Behaviour, Request, Script};
use crate::gate::Gate;
use crate::message::Framing;
use crate::wire::Wire;

/// Serves `stream` until either side ends it.
pub(super) fn hold(
    stream: TcpStream,
    connection: &Connection,
    behaviour: &dyn Behaviour,
    state: &State,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stopping = state.stopping();
    let mut wire = Wire::recording(stream, connection.received.clone());
    let play = |wire: &Wire, script: Script| play(wire.stream(), script, &stopping);
    let mut next = play(&wire, behaviour.accepted(connection.number))?;
    let mut index = 0;
    while next.is_continue() {
        let Some(head) = wire.take_head()? else { break };
        let mut request = Request::parse(head, connection.number, index)?;
        if play(&wire, behaviour.head_arrived(&request))?.is_break() {
            break;
        }
        match request.framing()? {
            Framing::None | Framing::Close => {}
            Framing::Length(length) => request.body = wire.take_exactly(length)?,
            Framing::Chunked => (request.body, request.trailers) = wire.take_chunked()?,
        }
        state.record(request.clone());
        next = play(&wire, behaviour.answer(&request))?;
        index += 1;
    }
    Ok(())
}

/// Plays `script`; a break ends the connection.
fn play(stream: &TcpStream, script: Script, stopping: &Gate) -> io::Result<ControlFlow<()>> {
    let mut stream = stream;
    for step in script.steps {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes)?,
            Step::Pause(pause) => _ = stopping.wait(pause),
            Step::WaitFor(gate) => while !gate.wait(STOP_CHECK) && !stopping.is_open() {},
            Step::Open(gate) => gate.open(),
            Step::FinishSending => stream.shutdown(Shutdown::Write)?,
            Step::Close => {
                // The records hold a second handle, so dropping ours would not close.
                stream.shutdown(Shutdown::Both)?;
                return Ok(ControlFlow::Break(()));
            }
            Step::Reset => {
                SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
                return Ok(ControlFlow::Break(()));
            }
        }
        if stopping.is_open() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// How long a stop may have to wait for a script that waits for a gate.
const STOP_CHECK: Duration = Duration::from_millis(10);
