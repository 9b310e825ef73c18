//! Free loopback ports, for programs under test that must be told theirs.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Socket, Type};

/// A port on 127.0.0.1 that nobody listens on.
///
/// It is bound and let go, so another program could take it first. It is none of those that the kernel hands out by itself,
/// because a connection of a neighbouring test would soon get it, and this program never returns one twice in a row.
///
/// # Errors
/// What `bind` says, if it is not that a port is taken.
pub fn free_port() -> io::Result<u16> {
    let [port] = free_ports()?;
    Ok(port)
}

/// `N` distinct free ports: all are held until the last is known.
///
/// # Errors
/// As [`free_port`].
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
    let ports = &*OURS;
    for _ in 0..TRIES {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % u32::from(ports.end - ports.start);
        // Below the end of the range, so it fits.
        let port = ports.start + u16::try_from(step).unwrap_or_default();
        match hold(port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
    hold(0)
}

fn hold(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

/// The ports that are ours to choose from.
static OURS: LazyLock<Range<u16>> = LazyLock::new(|| {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let bounds: Vec<u16> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    beside(bounds.first().copied().unwrap_or(32_768), bounds.get(1).copied().unwrap_or(60_999))
});

/// Where programs that run at the same time begin far from each other.
static NEXT: LazyLock<AtomicU32> =
    LazyLock::new(|| AtomicU32::new(process::id().wrapping_mul(2_654_435_761) >> 8));

/// The larger range beside the kernel's own, from `first` to `last`.
fn beside(first: u16, last: u16) -> Range<u16> {
    let (below, above) = (LOWEST..first.max(LOWEST), last..u16::MAX);
    let larger = if below.len() >= above.len() { below } else { above };
    if larger.len() > 1 { larger.start + 1..larger.end } else { LOWEST..u16::MAX }
}

/// Below are the ports that people give to their programs.
const LOWEST: u16 = 10_000;

/// How many taken ports in a row are stepped over.
const TRIES: usize = 1000;

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
    fn ports_are_not_those_that_the_kernel_hands_out() {
        assert_eq!(beside(32_768, 60_999), 10_001..32_768);
        assert_eq!(beside(1024, 40_000), 40_001..65_535);
        assert_eq!(beside(1024, 65_535), 10_000..65_535);
        let [first, second] = [free_port().unwrap(), free_port().unwrap()];
        assert!(OURS.contains(&first) && OURS.contains(&second) && first != second);
    }

    #[test]
    fn several_ports_are_distinct_and_can_be_bound() {
        let ports: [u16; 16] = free_ports().unwrap();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 16);
        let bound = ports.iter().filter(|&&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        assert!(bound.count() >= 15, "at most one may have been taken by a neighbour");
    }
}
