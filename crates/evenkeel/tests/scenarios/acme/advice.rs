//! An authority with renewal information (RFC 9773), which Debian's Pebble does not have yet: Pebble's directory with one URL more, behind
//! which every certificate is to be renewed at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::authority::Authority;

/// Starts it, with the certificate of `authority`. It ends with the process.
pub(super) fn start(authority: &Authority) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut directory: Value =
        serde_json::from_str(&authority.ask(authority.address, "/dir")).unwrap();
    directory["renewalInfo"] = json!(format!("https://{address}/renewal-info"));
    let directory = directory.to_string();
    let key = PrivateKeyDer::from_pem_slice(authority.own_key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![authority.own.clone()], key).unwrap());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (config, directory) = (Arc::clone(&config), directory.clone());
            thread::spawn(move || serve(socket.unwrap(), config, &directory));
        }
    });
    address
}

/// Answers requests until the client has had enough.
fn serve(socket: TcpStream, config: Arc<ServerConfig>, directory: &str) -> Option<()> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).ok()?, socket));
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if stream.read_line(&mut request).ok()? == 0 {
                return None;
            }
        }
        let body = if request.starts_with("GET /dir ") { directory } else { AT_ONCE };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 21600\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.get_mut().write_all((head + body).as_bytes()).ok()?;
        stream.get_mut().flush().ok()?;
    }
}

const AT_ONCE: &str =
    r#"{ "suggestedWindow": { "start": "2021-01-03T00:00:00Z", "end": "2021-01-07T00:00:00Z" } }"#;
