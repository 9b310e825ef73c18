//! Free loopback ports, for programs under test that must be told theirs.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn several_ports_are_distinct_and_can_be_bound() {
        let ports: [u16; 16] = free_ports().unwrap();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 16);
        let bound = ports.iter().filter(|&&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        assert!(bound.count() >= 15, "at most one may have been taken by a neighbour");
    }
}
