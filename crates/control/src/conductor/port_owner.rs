//! Who listens on a port: reads `/proc` to find the process. Called when a bind fails, to say whom to ask,
//! and by the admin API before it shares a port with itself.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A process, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) pid: u32,
}

/// The process that listens on `port` in the way of `address` (`None`: of any address). `None` when there is none, or when
/// it belongs to another user and so hides its sockets from us. `proc` is where procfs is mounted.
pub(super) fn owner(proc: &Path, port: u16, address: Option<IpAddr>) -> Option<Owner> {
    let inodes = in_the_way(proc, port, address);
    if inodes.is_empty() { None } else { holder(proc, &inodes) }
}

/// Whether a socket listens in the way of `address` that is not `ours`, which is an inode. False where procfs cannot be read.
pub(crate) fn others_listen(proc: &Path, address: SocketAddr, ours: u64) -> bool {
    let inodes = in_the_way(proc, address.port(), Some(address.ip()));
    inodes.iter().any(|&inode| inode != ours)
}

/// The inodes of the sockets that listen there.
fn in_the_way(proc: &Path, port: u16, address: Option<IpAddr>) -> Vec<u64> {
    let tables = ["net/tcp", "net/tcp6"].map(|name| fs::read_to_string(proc.join(name)));
    let sockets = tables.iter().flatten().flat_map(|table| table.lines()).filter_map(listening);
    let is_in_the_way = |bound: IpAddr| match address {
        Some(wanted) => bound.is_unspecified() || wanted.is_unspecified() || bound == wanted,
        None => true,
    };
    let there = sockets.filter(|(bound, _)| bound.port() == port && is_in_the_way(bound.ip()));
    there.map(|(_, inode)| inode).collect()
}

/// The address and inode of a line of `/proc/net/tcp` or `tcp6`, if it is about a listening socket.
fn listening(line: &str) -> Option<(SocketAddr, u64)> {
    let mut columns = line.split_ascii_whitespace();
    let (address, state) = (columns.nth(1)?, columns.nth(1)?);
    if state != TCP_LISTEN {
        return None;
    }
    Some((socket_address(address)?, columns.nth(5)?.parse().ok()?))
}

/// `0100007F:1F90`: the kernel prints each 32-bit word of the address as a number of its own byte order.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut octets = [0; 16];
            octets.copy_from_slice(words.as_flattened());
            IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// The first process with one of these sockets open.
fn holder(proc: &Path, inodes: &[u64]) -> Option<Owner> {
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    fs::read_dir(proc).ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let mut descriptors = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        let holds = descriptors.any(|descriptor| {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            links.iter().any(|link| target.as_os_str() == link.as_str())
        });
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        holds.then(|| Owner { name: name.trim().to_owned(), pid })
    })
}

/// `TCP_LISTEN` as the tables print it.
const TCP_LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn our_own_listener_is_found_in_the_real_proc() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let found = owner(Path::new("/proc"), port, None);
            assert_eq!(found.map(|owner| owner.pid), Some(std::process::id()));
        }
    }

    #[test]
    fn lines_of_the_tables_are_read_whatever_the_family() {
        // What a little-endian kernel prints.
        if cfg!(target_endian = "big") {
            return;
        }
        let tail = "00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 135 1";
        let table = [
            ("0100007F:1F90", Some("127.0.0.1:8080")),
            ("00000000:0050", Some("0.0.0.0:80")),
            ("00000000000000000000000001000000:0050", Some("[::1]:80")),
            ("0000000000000000FFFF00000100007F:0050", Some("127.0.0.1:80")),
            ("0100007F", None),
            ("nonsense:0050", None),
        ];
        for (address, read) in table {
            let line = format!(" 0: {address} {tail}");
            let expected = read.map(|text| (text.parse().unwrap(), 135));
            assert_eq!(listening(&line), expected, "{line}");
        }
        let connected = "0: 0100007F:1F90 0100007F:9999 01 0:0 00:0 0 0 0 135 1";
        assert_eq!(listening(connected), None);
        assert_eq!(listening("  sl  local_address rem_address   st tx_queue"), None);
    }

    #[test]
    fn a_listener_on_another_address_is_not_in_the_way() {
        let proc = tempfile::tempdir().unwrap();
        let root = proc.path();
        fs::create_dir_all(root.join("net")).unwrap();
        fs::create_dir_all(root.join("123/fd")).unwrap();
        fs::write(root.join("123/comm"), "nginx\n").unwrap();
        symlink("socket:[77]", root.join("123/fd/6")).unwrap();
        let loopback = u32::from_ne_bytes([127, 0, 0, 1]);
        let line = format!("0: {loopback:08X}:1F90 0:0 0A 0:0 00:0 0 0 0 77 1\n");
        fs::write(root.join("net/tcp"), line).unwrap();
        let nginx = Some(Owner { name: "nginx".to_owned(), pid: 123 });
        let table = [
            (8080, Some("127.0.0.1"), nginx.clone()),
            (8080, Some("0.0.0.0"), nginx.clone()),
            (8080, None, nginx),
            (8080, Some("127.0.0.2"), None),
            (8081, None, None),
        ];
        for (port, address, expected) in table {
            let address = address.map(|text| text.parse().unwrap());
            assert_eq!(owner(root, port, address), expected, "{port} {address:?}");
        }
    }
}
