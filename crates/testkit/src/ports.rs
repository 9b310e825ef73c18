//! Free loopback ports, for programs under test that must be told theirs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Socket, Type};

/// A port on 127.0.0.1 that nobody listens on.
///
/// It is bound and let go, so another process can take it first. The kernel hands out such ports
/// in a random order, which makes that rare; a program under test must report it all the same.
///
/// # Errors
/// What `bind` says.
pub fn free_port() -> io::Result<u16> {
    let [port] = free_ports()?;
    Ok(port)
}

/// `N` distinct free ports: all are held until the last is known.
///
/// # Errors
/// What `bind` says.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let socket = hold_a_port()?;
        *port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        held.push(socket);
    }
    Ok(ports)
}

/// Binds, but does not listen: a program that a neighbouring test is just starting inherits the socket for as long as it
/// takes to start, and only one that listens would keep the port from whom it is meant for.
fn hold_a_port() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_can_be_listened_on_while_its_holder_still_lives() {
        let held = hold_a_port().unwrap();
        let port = held.local_addr().unwrap().as_socket().unwrap().port();
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
    }

    #[test]
    fn several_ports_are_distinct_and_can_be_bound() {
        let ports: [u16; 16] = free_ports().unwrap();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 16);
        let bound = ports.iter().filter(|&&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        assert!(bound.count() >= 15, "at most one may have been taken by a neighbour");
    }
}
