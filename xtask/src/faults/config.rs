//! The configs of the balancers whose endpoints, clients and surroundings are broken: everything as it comes, but for what would
//! make them hard to compare. Written by `balancer`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Outcome;
use crate::bench::contender::Contender;

/// What a config is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) endpoints: Vec<SocketAddr>,
    /// How often endpoints are checked, by whoever does that.
    pub(super) check: Duration,
    /// Where a line for each request goes.
    pub(super) log: Option<PathBuf>,
    /// Bounds of Evenkeel's pools, as a table in TOML.
    pub(super) pool: Option<&'static str>,
    /// Where the config is, and whatever else is written.
    pub(super) folder: PathBuf,
}

impl Setup {
    /// Writes the config for `contender`; returns its path, which is the same each time.
    pub(super) fn write(&self, contender: Contender) -> Outcome<PathBuf> {
        let text = match contender {
            Contender::Evenkeel => self.evenkeel(),
            Contender::Nginx => self.nginx(),
            Contender::Haproxy => self.haproxy(),
            Contender::Envoy => return Err("Envoy takes no part in this".into()),
        };
        let path = self.path();
        fs::write(path.with_extension("draft"), text)?;
        fs::rename(path.with_extension("draft"), &path)?;
        Ok(path)
    }

    /// Puts a config there that nobody can take.
    pub(super) fn write_wrong(&self) -> Outcome<()> {
        Ok(fs::write(self.path(), "this is = not [ a config {\n")?)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("balancer.conf")
    }

    fn evenkeel(&self) -> String {
        let Self { listen, admin, check, .. } = self;
        let endpoints: Vec<String> =
            self.endpoints.iter().map(|endpoint| format!("\"{endpoint}\"")).collect();
        let (endpoints, check) = (endpoints.join(", "), check.as_millis());
        let pool = self.pool.map_or_else(String::new, |pool| format!("pool = {pool}\n"));
        let log = self.log.as_deref().map_or_else(String::new, |path| {
            format!("\n[log]\naccess = {{ path = \"{}\" }}\n", path.display())
        });
        format!(
            r#"[listener.web]
bind = "{listen}"
to = "api"

[cluster.api]
endpoints = [{endpoints}]
health = {{ kind = "tcp", interval = "{check}ms", timeout = "{check}ms" }}
{pool}
[admin]
bind = "{admin}"
{log}"#
        )
    }

    /// Its timeouts for connecting and for the first byte are set to what Evenkeel's are.
    fn nginx(&self) -> String {
        let Self { listen, .. } = self;
        let folder = self.folder.display();
        let servers: String =
            self.endpoints.iter().map(|endpoint| format!("        server {endpoint};\n")).collect();
        let log = self
            .log
            .as_deref()
            .map_or("off".to_owned(), |path: &Path| format!("{}", path.display()));
        format!(
            r#"daemon off;
user root;
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log {log};
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    upstream api {{
{servers}        keepalive 64;
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_connect_timeout 1s;
        }}
    }}
}}
"#
        )
    }

    /// The same timeouts, and the same checks.
    fn haproxy(&self) -> String {
        let Self { listen, check, .. } = self;
        let servers = self.endpoints.iter().enumerate();
        let servers: String = servers
            .map(|(position, endpoint)| {
                format!("    server s{position} {endpoint} check inter {}ms\n", check.as_millis())
            })
            .collect();
        format!(
            r#"global
    nbthread 2
    maxconn 4000

defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 60s

frontend web
    bind {listen}
    default_backend api

backend api
    balance roundrobin
{servers}"#
        )
    }
}
