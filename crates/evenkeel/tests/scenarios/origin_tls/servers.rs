//! Real servers that speak TLS, each on a free port and in a directory of its own. Dropping one ends it.

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::{Process, wait_until};
use tempfile::TempDir;

use super::authority::{Authority, Made};
use crate::interop::programs::program;
use crate::running::LONG;

/// Whom nginx asks for a certificate.
#[derive(Clone, Copy)]
pub(super) enum Asks<'a> {
    Nobody,
    /// Everybody, for one that this authority has signed.
    Clients(&'a Authority),
}

/// A server and its directory.
pub(super) struct Server {
    pub(super) process: Process,
    pub(super) address: String,
    directory: TempDir,
}

/// OpenSSL's, which tells everybody about the connection. It shows this certificate, and is told these `words` besides.
pub(super) fn openssl(test: &str, shown: &Made, words: &[&str]) -> Option<Server> {
    let program = program(test, "openssl")?;
    Some(Server::start(shown, |directory, address| {
        let mut command = Command::new(program);
        command.args(["s_server", "-quiet", "-www", "-accept", address]).args(words);
        command.arg("-cert").arg(directory.path().join("a.crt"));
        command.arg("-key").arg(directory.path().join("a.key")).stdin(Stdio::null());
        command
    }))
}

/// nginx, which says hello, and who has come.
pub(super) fn nginx(test: &str, shown: &Made, asks: Asks<'_>) -> Option<Server> {
    let program = program(test, "nginx")?;
    Some(Server::start(shown, |directory, address| {
        let at = |name: &str| directory.path().join(name);
        let asks = match asks {
            Asks::Nobody => String::new(),
            Asks::Clients(authority) => {
                fs::write(at("clients.pem"), authority.pem()).unwrap();
                "ssl_verify_client on; ssl_client_certificate DIRECTORY/clients.pem;".to_owned()
            }
        };
        let text = NGINX.replace("ADDRESS", address).replace("ASKS", &asks);
        let config = at("nginx.conf");
        fs::write(&config, text.replace("DIRECTORY", &at("").display().to_string())).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(directory.path()).args(["-e", "stderr", "-c"]).arg(config);
        command
    }))
}

impl Server {
    /// From now on, once it has been told, it shows this one.
    pub(super) fn show(&self, shown: &Made) {
        shown.put(self.directory.path(), "a");
    }

    fn start(shown: &Made, command: impl FnOnce(&TempDir, &str) -> Command) -> Self {
        let directory = TempDir::new().unwrap();
        shown.put(directory.path(), "a");
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let process = Process::spawn(&mut command(&directory, &address)).unwrap();
        wait_until(LONG, || TcpStream::connect(&address).is_ok())
            .unwrap_or_else(|error| panic!("{error}: {} {}", process.stdout(), process.stderr()));
        Self { process, address, directory }
    }
}

const NGINX: &str = r#"
daemon off;
worker_processes 1;
pid DIRECTORY/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path DIRECTORY/body;
    proxy_temp_path DIRECTORY/proxy;
    fastcgi_temp_path DIRECTORY/fastcgi;
    uwsgi_temp_path DIRECTORY/uwsgi;
    scgi_temp_path DIRECTORY/scgi;
    server {
        listen ADDRESS ssl http2;
        ssl_certificate DIRECTORY/a.crt;
        ssl_certificate_key DIRECTORY/a.key;
        ASKS
        location = /load { return 200 '{"in_flight": 1, "latency_ms": 1}'; }
        location / { return 200 "nginx says hello to $ssl_client_verify $ssl_client_s_dn by $ssl_protocol\n"; }
    }
}
"#;
