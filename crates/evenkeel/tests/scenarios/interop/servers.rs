//! Real servers as endpoints, each on a free port and in a directory of its own. Dropping one ends it.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::{Process, skipped, wait_until};
use tempfile::TempDir;

use super::programs::{VERY_LONG, node, program, python, script};
use crate::running::Running;
use crate::tls::Certificate;

pub(super) struct Server {
    pub(super) process: Process,
    pub(super) address: String,
    directory: TempDir,
}

impl Server {
    /// nginx with the files of [`Site`], gzip, and WebDAV under `/dav`; `/small` takes no body above 1 KiB.
    pub(super) fn nginx(test: &str) -> Option<Self> {
        let mut command = Command::new(program(test, "nginx")?);
        let (site, address) = (Site::new(), address());
        let config = site.config("nginx.conf", NGINX, &address);
        command.arg("-p").arg(site.path()).args(["-e", "stderr", "-c"]).arg(config);
        Some(Self::start(&mut command, address, site.0))
    }

    /// nginx with a master, the files of [`Site`] and those of [`certify`], and WebDAV under `/dav`; it listens as these words say,
    /// ends each connection after so many requests, and tells in `x-protocol` what it was asked in.
    pub(super) fn nginx_http2(test: &str, listen: &str, requests: u32) -> Option<Self> {
        let mut command = Command::new(program(test, "nginx")?);
        let (site, address) = (Site::new(), address());
        certify(&site.0);
        let text = NGINX_HTTP2.replace("{listen}", &format!("{address} {listen}"));
        let text = text.replace("{requests}", &requests.to_string());
        let config = site.config("nginx.conf", &text, &address);
        command.arg("-p").arg(site.path()).args(["-e", "stderr", "-c"]).arg(config);
        Some(Self::start(&mut command, address, site.0))
    }

    /// Apache, as [`Server::nginx`].
    pub(super) fn apache(test: &str) -> Option<Self> {
        let mut command = Command::new(program(test, "apache2")?);
        if !Path::new(APACHE_MODULES).is_dir() {
            skipped(test, &format!("Apache has no modules in {APACHE_MODULES}"));
            return None;
        }
        let (site, address) = (Site::new(), address());
        let config = site.config("apache.conf", APACHE, &address);
        command.args(["-D", "FOREGROUND", "-f"]).arg(config);
        Some(Self::start(&mut command, address, site.0))
    }

    /// Python's own server of files, which speaks HTTP/1.0.
    pub(super) fn http_server(test: &str) -> Option<Self> {
        let mut command = python(test)?;
        let (site, address) = (Site::new(), address());
        let (host, port) = address.rsplit_once(':').unwrap();
        command.args(["-m", "http.server", port, "--bind", host, "--directory"]).arg(site.path());
        Some(Self::start(&mut command, address, site.0))
    }

    /// gunicorn with the small site on WSGI.
    pub(super) fn gunicorn(test: &str) -> Option<Self> {
        let (mut command, address) = (python(test)?, address());
        let words = ["--threads", "8", "--keep-alive", "120", "--no-control-socket"];
        command.args(["-m", "gunicorn", "--bind", &address]).args(words).arg("wsgi:application");
        Some(Self::start(&mut command, address, TempDir::new().unwrap()))
    }

    /// uvicorn with the small site on ASGI.
    pub(super) fn uvicorn(test: &str) -> Option<Self> {
        let (mut command, address) = (python(test)?, address());
        let (_, port) = address.rsplit_once(':').unwrap();
        let words = ["--http", "h11", "--timeout-keep-alive", "120", "--log-level", "warning"];
        command.args(["-m", "uvicorn", "--port", port]).args(words).arg("asgi:application");
        Some(Self::start(&mut command, address, TempDir::new().unwrap()))
    }

    /// Node with the small site.
    pub(super) fn node(test: &str) -> Option<Self> {
        let (mut command, address) = (node(test)?, address());
        let (_, port) = address.rsplit_once(':').unwrap();
        command.arg(script("server.mjs")).arg(port);
        Some(Self::start(&mut command, address, TempDir::new().unwrap()))
    }

    /// Node as an endpoint of HTTP/2 in clear text, which says back what it is sent.
    pub(super) fn node_http2(test: &str) -> Option<Self> {
        let (mut command, address) = (node(test)?, address());
        let (_, port) = address.rsplit_once(':').unwrap();
        command.arg(script("http2_server.mjs")).arg(port);
        Some(Self::start(&mut command, address, TempDir::new().unwrap()))
    }

    /// nghttpd, of HTTP/2 only, with the files of its directory. Among these `words` `KEY` and `CERTIFICATE` are files of its own.
    pub(super) fn nghttpd(test: &str, words: &[&str]) -> Option<Self> {
        let mut command = Command::new(program(test, "nghttpd")?);
        let (directory, address) = (TempDir::new().unwrap(), address());
        let (host, port) = address.rsplit_once(':').unwrap();
        let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let file = |word: &&str| match *word {
            "KEY" => write(&directory, "a.key", &made.signing_key.serialize_pem()),
            "CERTIFICATE" => write(&directory, "a.crt", &made.cert.pem()),
            word => PathBuf::from(word),
        };
        let (options, files): (Vec<&str>, Vec<&str>) =
            words.iter().partition(|word| word.starts_with('-'));
        command.args(["--address", host, "--htdocs"]).arg(directory.path()).args(options);
        command.arg(port).args(files.iter().map(file));
        Some(Self::start(&mut command, address, directory))
    }

    /// gRPC's own server, with calls of all kinds.
    pub(super) fn grpc(test: &str) -> Option<Self> {
        let (mut command, address) = (python(test)?, address());
        let (_, port) = address.rsplit_once(':').unwrap();
        command.arg(script("grpc_server.py")).arg(port);
        Some(Self::start(&mut command, address, TempDir::new().unwrap()))
    }

    /// tonic, as [`Server::grpc`]; over TLS if it is to be `secured`, by the files of [`certify`].
    pub(super) fn tonic(test: &str, secured: bool) -> Option<Self> {
        let mut command = Command::new(program(test, "tonic-echo")?);
        let (directory, address) = (TempDir::new().unwrap(), address());
        certify(&directory);
        if secured {
            let file = |name| directory.path().join(name);
            command.env("CERTIFICATE", file("a.crt")).env("KEY", file("a.key"));
        }
        Some(Self::start(command.args(["serve", &address]), address, directory))
    }

    /// The library `websockets`, saying everything back.
    pub(super) fn websockets(test: &str) -> Option<Self> {
        let (mut command, address) = (python(test)?, address());
        let (_, port) = address.rsplit_once(':').unwrap();
        command.arg(script("ws_server.py")).arg(port);
        Some(Self::start(&mut command, address, TempDir::new().unwrap()))
    }

    /// A balancer in front of it.
    pub(super) fn behind_us(&self) -> Running {
        Running::serve(&[&self.address])
    }

    /// A path in its directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(command: &mut Command, address: String, directory: TempDir) -> Self {
        let process = Process::spawn(command).unwrap();
        wait_until(VERY_LONG, || TcpStream::connect(&address).is_ok()).unwrap_or_else(|error| {
            panic!("{error}: {command:?} {} {}", process.stdout(), process.stderr())
        });
        Self { process, address, directory }
    }
}

/// A directory of files: `large` and `text`, an empty `dav` that anyone may write to, and `static.html` with its style and image.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(TempDir::new().unwrap());
        fs::write(site.path().join("large"), noise()).unwrap();
        let lines = (0..5000).map(|number| format!("line {number} of a text\n"));
        fs::write(site.path().join("text"), lines.collect::<String>()).unwrap();
        for name in ["static.html", "image.svg", "style.css"] {
            fs::copy(script(name), site.path().join(name)).unwrap();
        }
        // Apache gives up root's rights if it is started with them.
        fs::set_permissions(site.path(), Permissions::from_mode(0o755)).unwrap();
        for name in ["dav", "small", "lock"] {
            fs::create_dir(site.path().join(name)).unwrap();
            fs::set_permissions(site.path().join(name), Permissions::from_mode(0o777)).unwrap();
        }
        site
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn config(&self, name: &str, text: &str, address: &str) -> PathBuf {
        let directory = self.path().display().to_string();
        let text = text.replace("{directory}", &directory).replace("{address}", address);
        let file = self.path().join(name);
        fs::write(&file, text.replace("{modules}", APACHE_MODULES)).unwrap();
        file
    }
}

/// The content of `large`: 33 MiB in which every MiB differs, the same as `noise` in `content.py` makes.
pub(super) fn noise() -> Vec<u8> {
    (0..33)
        .flat_map(|number| format!("{number:031}\n").repeat((1 << 20) / 32).into_bytes())
        .collect()
}

/// A certificate for `localhost` and its address, and whose it is: `a.crt`, `a.key` and `ca.pem`.
fn certify(directory: &TempDir) {
    let made = Certificate::of(&["localhost", "127.0.0.1"]);
    write(directory, "a.crt", &made.pem);
    write(directory, "a.key", &made.key);
    write(directory, "ca.pem", &made.authority_pem);
}

fn write(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let file = directory.path().join(name);
    fs::write(&file, text).unwrap();
    file
}

fn address() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

const NGINX: &str = include_str!("../../interop/nginx.conf");

const NGINX_HTTP2: &str = include_str!("../../interop/nginx_http2.conf");

const APACHE: &str = include_str!("../../interop/apache.conf");

/// Where Debian's `apache2` has them.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";
