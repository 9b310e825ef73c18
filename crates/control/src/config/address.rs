//! Addresses as people write them: where to listen, and where endpoints are. Nothing is resolved here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use evenkeel_plan::endpoint::Labels;
use evenkeel_plan::listener::Bind;
use ipnet::IpNet;

use super::diagnostic::{Code, Diagnostic, quoted};
use super::model::{AdminBind, EndpointConfig};

/// Reads `:8080`, `8080`, `127.0.0.1:8080`, `[::1]:8080` or `fd:web`.
pub(super) fn parse_bind(text: &str) -> Result<Bind, Diagnostic> {
    if let Some(name) = text.strip_prefix("fd:") {
        return inherited(text, name);
    }
    let (host, port) = split(text, Port::One)?;
    match host {
        "" => Ok(Bind::Any(port)),
        _ => Ok(Bind::Only(SocketAddr::new(ip(text, host, port)?, port))),
    }
}

/// Reads the name of a socket as systemd allows it (`FileDescriptorName=` in systemd.socket(5)).
fn inherited(text: &str, name: &str) -> Result<Bind, Diagnostic> {
    let is_name_byte = |byte: u8| matches!(byte, b' '..=b'~') && byte != b':';
    if (1..=FD_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_name_byte) {
        return Ok(Bind::Inherited(name.into()));
    }
    let message = format!("{} does not name an inherited socket", quoted(text));
    Err(Diagnostic::new(Code::BadAddress, message)
        .label(format!("wants 1 to {FD_NAME_BYTES_MAX} ASCII characters without a colon"))
        .help("after `fd:` comes what `FileDescriptorName=` says in the .socket unit"))
}

/// Reads what the admin API binds to: `9900`, `127.0.0.1:9900` or `unix:/run/evenkeel.sock`. A port alone stays on this machine,
/// and port 0 asks for a free one.
pub(super) fn parse_admin(text: &str) -> Result<AdminBind, Diagnostic> {
    match text.strip_prefix("unix:") {
        Some("") => return Err(not_an_address(text).label("lacks the path")),
        Some(path) if path.contains('\0') => {
            return Err(not_an_address(text).label("has a zero byte"));
        }
        Some(path) => return Ok(AdminBind::Unix(path.into())),
        None => {}
    }
    let (host, port) = split(text, Port::OneOrFree)?;
    let host = if host.is_empty() { LOOPBACK } else { host };
    Ok(AdminBind::Fixed(SocketAddr::new(ip(text, host, port)?, port)))
}

/// Reads `9001` (on this machine), `10.0.0.1:80`, `[::1]:80` or `db.internal:5432`. It weighs 1.
pub(crate) fn parse_endpoint(text: &str) -> Result<EndpointConfig, Diagnostic> {
    let (host, port) = split(text, Port::One)?;
    let host = match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) if host.is_empty() => LOOPBACK.to_owned(),
        Err(_) => dns_name(text, host)?,
    };
    let name =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Ok(EndpointConfig {
        name,
        host,
        port,
        weight: 1,
        backup: false,
        priority: 0,
        zone: None,
        labels: Labels::default(),
        forced: None,
    })
}

/// Reads `10.0.0.0/8`, or one address.
pub(super) fn parse_network(text: &str) -> Result<IpNet, Diagnostic> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        Diagnostic::new(Code::BadNetwork, format!("{} is not a network", quoted(text)))
            .label("wants a network")
            .help("as in \"10.0.0.0/8\", \"fd00::/8\" or a single address")
    })
}

/// Which ports are possible.
#[derive(Clone, Copy, PartialEq)]
enum Port {
    /// 1 to 65535.
    One,
    /// And 0, which means any that is free.
    OneOrFree,
}

/// Takes an address apart into its host, without brackets and maybe empty, and its port.
fn split(text: &str, kind: Port) -> Result<(&str, u16), Diagnostic> {
    refuse_scheme(text)?;
    if let Some(rest) = text.strip_prefix('[') {
        return split_bracketed(text, rest, kind);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(("", port(text, text, kind)?));
    }
    match text.rsplit_once(':') {
        _ if text.parse::<Ipv6Addr>().is_ok() => Err(bare_ipv6(text)),
        Some((host, _)) if host.contains(':') => Err(not_an_address(text)),
        Some((host, digits)) => Ok((host, port(text, digits, kind)?)),
        None if text.is_empty() => Err(not_an_address(text).label("is empty")),
        None => Err(port_missing(text)),
    }
}

fn split_bracketed<'a>(
    text: &str,
    rest: &'a str,
    kind: Port,
) -> Result<(&'a str, u16), Diagnostic> {
    let Some((host, after)) = rest.split_once(']') else {
        return Err(not_an_address(text).label("lacks the closing bracket"));
    };
    if host.parse::<Ipv6Addr>().is_err() {
        let label = format!("{} is not an IPv6 address", quoted(host));
        return Err(not_an_address(text).label(label));
    }
    match after.strip_prefix(':') {
        Some(digits) => Ok((host, port(text, digits, kind)?)),
        None if after.is_empty() => Err(port_missing(text)),
        None => Err(not_an_address(text)),
    }
}

fn refuse_scheme(text: &str) -> Result<(), Diagnostic> {
    if text.starts_with("unix:") {
        let message = format!("{}: Unix sockets are not supported yet", quoted(text));
        return Err(Diagnostic::new(Code::Unsupported, message)
            .label("not supported yet")
            .help("use a TCP address, as in \"127.0.0.1:9001\""));
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Ok(()) };
    let host = rest.split('/').next().unwrap_or(rest);
    let help = match scheme {
        "https" => {
            format!("write \"{}\", and `tls = true` in its `[cluster.NAME]`", host.escape_debug())
        }
        _ => format!("leave out the scheme and the path: \"{}\"", host.escape_debug()),
    };
    Err(not_an_address(text).label("is a URL, not an address").help(help))
}

fn port(text: &str, digits: &str, kind: Port) -> Result<u16, Diagnostic> {
    if digits.is_empty() {
        return Err(port_missing(text.trim_end_matches(':')));
    }
    if let Some((digits, _)) = digits.split_once('/') {
        port(digits, digits, kind)?;
        return Err(not_an_address(text).label("has a path").help("an address ends with its port"));
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_an_address(text).label(format!("{} is not a port", quoted(digits))));
    }
    match digits.parse() {
        Ok(0) if kind == Port::One => {}
        Ok(port) => return Ok(port),
        Err(_) => {}
    }
    Err(Diagnostic::new(Code::PortOutOfRange, format!("there is no port {}", quoted(digits)))
        .label("ports are 1 to 65535"))
}

fn ip(text: &str, host: &str, port: u16) -> Result<IpAddr, Diagnostic> {
    host.parse().map_err(|_| {
        let problem = not_an_address(text).label("wants an IP address");
        match host {
            "*" => problem.help(format!("to listen on every address write \":{port}\"")),
            "localhost" => problem.help(format!("write \"127.0.0.1:{port}\"")),
            "h2" | "http2" | "h2c" | "grpc" => problem.help(format!(
                "HTTP/2 needs no protocol of its own: it is spoken wherever HTTP is, as in \":{port}\""
            )),
            _ => problem.help(format!(
                "it has to be an address of this machine, as in \"127.0.0.1:{port}\"; \":{port}\" means all of them"
            )),
        }
    })
}

/// Checks a DNS name, and returns it in lower case so that one endpoint cannot be listed under two spellings.
fn dns_name(text: &str, host: &str) -> Result<String, Diagnostic> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let label_is_good = |label: &str| {
        // RFC 1035 §2.3.4: labels have 63 octets or less. Underscores are in use in private zones.
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // A name never ends in a number, so `10.0.0.256` is a mistyped address and nothing to ask a resolver about.
    let ends_in_number =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if ends_in_number {
        return Err(not_an_address(text).label(format!("{} is not an IPv4 address", quoted(host))));
    }
    if name.len() > 253 || !name.split('.').all(label_is_good) {
        return Err(not_an_address(text).label("is neither an IP address nor a name"));
    }
    Ok(host.to_ascii_lowercase())
}

fn not_an_address(text: &str) -> Diagnostic {
    Diagnostic::new(Code::BadAddress, format!("{} is not an address", quoted(text)))
        .label("wants an address")
        .help("as in \"10.0.0.1:8080\", \"[::1]:8080\" or \"app.internal:8080\"")
}

fn port_missing(text: &str) -> Diagnostic {
    Diagnostic::new(Code::PortMissing, format!("{} has no port", quoted(text)))
        .label("lacks a port")
        .help(format!("add it after a colon, as in \"{}:8080\"", text.escape_debug()))
}

fn bare_ipv6(text: &str) -> Diagnostic {
    let split = text.rsplit_once(':').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok());
    let (host, port) = split.unwrap_or((text, "8080"));
    not_an_address(text).label("IPv6 wants brackets").help(format!(
        "put the address into brackets and the port after them, as in \"[{host}]:{port}\""
    ))
}

/// What systemd takes for `FileDescriptorName=`.
const FD_NAME_BYTES_MAX: usize = 255;

/// Where an endpoint is that was given as a port alone.
const LOOPBACK: &str = "127.0.0.1";

#[cfg(test)]
mod tests;
