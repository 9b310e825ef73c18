//! The configs of the contenders, for equal work: the same two origins kept alive, the same header
//! edits, no access log, counters on where there are any, one worker each.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::contender::Contender;
use super::protocol::Protocol;
use super::tls::Tls;
use crate::Outcome;

/// Where configs and what the contenders write go.
pub(super) const DIRECTORY: &str = "target/bench";

/// What a config is made of: what clients speak, and loopback ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) listen: u16,
    pub(super) admin: u16,
    pub(super) origins: [u16; 2],
}

impl Setup<'_> {
    /// Writes the config for `contender`; returns its path.
    pub(super) fn write(&self, contender: Contender) -> Outcome<PathBuf> {
        let directory = Path::new(DIRECTORY);
        let (name, text) = match contender {
            Contender::Evenkeel => ("evenkeel.toml", self.evenkeel()),
            Contender::Nginx => ("nginx.conf", self.nginx(&directory.canonicalize()?)),
            Contender::Haproxy => ("haproxy.cfg", self.haproxy()),
            Contender::Envoy => ("envoy.json", self.envoy()),
        };
        let path = directory.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// What the others are told to do is what it does by itself.
    fn evenkeel(&self) -> String {
        let Self { listen, admin, origins: [a, b], .. } = self;
        let tls = self.protocol.tls().map_or_else(String::new, |tls| {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            format!(
                "protocol = \"https\"\ncertificates = [{{ cert = \"{certificate}\", key = \"{key}\" }}]\n"
            )
        });
        let http = if self.protocol.is_grpc() { "http = \"2\"" } else { "" };
        format!(
            r#"[listener.web]
bind = "127.0.0.1:{listen}"
{tls}to = "origins"

[cluster.origins]
endpoints = ["127.0.0.1:{a}", "127.0.0.1:{b}"]
{http}

[admin]
bind = "127.0.0.1:{admin}"
"#
        )
    }

    /// Answers larger than its buffers would go through a file on disk, which nobody else does.
    fn nginx(&self, directory: &Path) -> String {
        let Self { listen, admin, origins: [a, b], .. } = self;
        let directory = directory.display();
        // `grpc_pass` has words of its own for the same.
        let (set, pass) = if self.protocol.is_grpc() {
            ("grpc_set_header", "grpc_pass grpc://origins;")
        } else {
            (
                "proxy_set_header",
                r#"proxy_pass http://origins;
            proxy_http_version 1.1;
            proxy_max_temp_file_size 0;
            proxy_set_header Connection "";"#,
            )
        };
        let clear = if self.protocol.is_grpc() { " http2" } else { "" };
        // Older ones would not speak TLS 1.3 by themselves.
        let (listen_as, tls) = self.protocol.tls().map_or((clear, String::new()), |tls| {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            let files = format!("ssl_certificate {certificate}; ssl_certificate_key {key};");
            let listen_as = if self.protocol.is_http2() { " ssl http2" } else { " ssl" };
            (listen_as, format!("{files} ssl_protocols TLSv1.2 TLSv1.3;"))
        });
        format!(
            r#"daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    upstream origins {{
        server 127.0.0.1:{a};
        server 127.0.0.1:{b};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    server {{
        listen 127.0.0.1:{listen}{listen_as};
        {tls}
        location / {{
            {pass}
            {set} Host $http_host;
            {set} X-Forwarded-For $remote_addr;
            {set} X-Forwarded-Proto $scheme;
            {set} X-Forwarded-Host $http_host;
            {set} X-Request-ID $request_id;
            {set} Via "1.1 nginx";
            add_header X-Request-ID $request_id always;
            add_header Via "1.1 nginx" always;
        }}
    }}
    server {{
        listen 127.0.0.1:{admin};
        location / {{ stub_status; }}
    }}
}}
"#
        )
    }

    fn haproxy(&self) -> String {
        let Self { protocol, listen, admin, origins: [a, b] } = self;
        let alpn = if protocol.is_http2() { " alpn h2,http/1.1" } else { "" };
        let proto = if protocol.is_grpc() { " proto h2" } else { "" };
        let ssl = protocol.tls().map(|tls| format!(" ssl crt {}{alpn}", tls.certificate.display()));
        let (ssl, scheme) = (ssl.unwrap_or_default(), protocol.scheme());
        format!(
            r#"global
    nbthread 1
    maxconn 8000

defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout http-keep-alive 300s
    http-reuse always

frontend web
    bind 127.0.0.1:{listen}{ssl}{proto}
    unique-id-format %[uuid()]
    unique-id-header X-Request-ID
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {scheme}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header Via "1.1 haproxy"
    http-response set-header X-Request-ID %[unique-id]
    http-response set-header Via "1.1 haproxy"
    default_backend origins

backend origins
    balance roundrobin
    server a 127.0.0.1:{a}{proto}
    server b 127.0.0.1:{b}{proto}

frontend admin
    bind 127.0.0.1:{admin}
    stats enable
    stats uri /
"#
        )
    }

    fn envoy(&self) -> String {
        let router = json!({
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": true,
            },
        });
        let set = |name: &str, value: &str| {
            json!({
                "header": { "key": name, "value": value },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            })
        };
        let fields_to_set = [
            // Its own way would name another address in place of a loopback one.
            set("X-Forwarded-For", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
            set("X-Forwarded-Host", "%REQ(:AUTHORITY)%"),
        ];
        let connections = json!({
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                          http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "web",
                // As `ab` speaks.
                "http_protocol_options": { "accept_http_10": true },
                "use_remote_address": true,
                "skip_xff_append": true,
                "generate_request_id": true,
                "always_set_request_id_in_response": true,
                "via": "1.1 envoy",
                "http_filters": [router],
                "route_config": { "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "origins" } }],
                    "request_headers_to_add": fields_to_set,
                }] },
            },
        });
        let mut filters = json!({ "filters": [connections] });
        if let Some(tls) = self.protocol.tls() {
            filters["transport_socket"] = transport_socket(tls);
        }
        let endpoints = self.origins.map(|port| json!({ "endpoint": { "address": at(port) } }));
        let mut cluster = json!({
            "name": "origins",
            "connect_timeout": "5s",
            "load_assignment": {
                "cluster_name": "origins",
                "endpoints": [{ "lb_endpoints": endpoints }],
            },
        });
        if self.protocol.is_grpc() {
            cluster["typed_extension_protocol_options"] = http2_only();
        }
        let config = json!({
            "admin": { "address": at(self.admin) },
            "static_resources": {
                "listeners": [{
                    "address": at(self.listen),
                    "filter_chains": [filters],
                }],
                "clusters": [cluster],
            },
        });
        config.to_string()
    }
}

/// TLS with clients, as Envoy wants it.
fn transport_socket(tls: &Tls) -> serde_json::Value {
    let file = |path: &Path| json!({ "filename": path });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.\
                      DownstreamTlsContext",
            "common_tls_context": { "tls_certificates": [{
                "certificate_chain": file(&tls.certificate),
                "private_key": file(&tls.key),
            }] },
        },
    })
}

/// That origins are asked over HTTP/2, as Envoy wants it.
fn http2_only() -> serde_json::Value {
    const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({ (OPTIONS): {
        "@type": format!("type.googleapis.com/{OPTIONS}"),
        "explicit_http_config": { "http2_protocol_options": {} },
    } })
}

/// A loopback address, as Envoy wants it.
fn at(port: u16) -> serde_json::Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
