//! 'Did you mean': the known word that an unknown one is close to, and where a word that is known elsewhere belongs.

/// The word of `known` that `word` was surely meant to be.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    // One slip in three letters: more, and any short word resembles any other.
    let slips_max = folded.chars().count().div_ceil(3).min(3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(slips, candidate)| *slips <= slips_max && *slips < candidate.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// The key or value of `known` that other load balancers call `word`.
pub(super) fn translate<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let folded = fold(word);
    let rows = FOREIGN.iter().filter(|(foreign, _)| foreign.contains(&folded.as_str()));
    rows.flat_map(|(_, ours)| ours.iter())
        .find_map(|&ours| known.iter().copied().find(|&key| key == ours))
}

/// Where the key `word` belongs.
pub(super) fn home(word: &str) -> Option<&'static str> {
    HOMES.iter().find(|(keys, _)| keys.contains(&word)).map(|&(_, home)| home)
}

fn fold(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

/// What other load balancers call our keys and values; the first of ours that is possible at the place is meant.
const FOREIGN: &[(&[&str], &[&str])] = &[
    (&["listen", "port", "addr", "address", "host", "entrypoint"], &["bind", "address"]),
    (
        &["backend", "backends", "servers", "upstream", "upstreams", "targets", "endpoints"],
        &["endpoints", "to", "cluster"],
    ),
    (
        &["proxy_pass", "forward", "target", "use_backend", "default_backend", "pool", "cluster"],
        &["to"],
    ),
    (&["server"], &["endpoints", "to", "listener"]),
    (&["frontend", "frontends"], &["listener"]),
    (&["algo", "algorithm", "policy", "lb_policy", "strategy"], &["balance"]),
    (&["check", "health_check", "health_checks", "healthcheck", "option_httpchk"], &["health"]),
    (&["uri", "url", "prefix", "location"], &["path"]),
    (&["hosts", "hostname", "domain", "server_name", "vhost", "sni", "hostsni"], &["host"]),
    (&["domain", "domains", "hosts", "subjects", "server_names", "sans"], &["names"]),
    (&["ca_server", "acme_ca", "server", "issuer", "uri", "url"], &["directory"]),
    (&["contact", "contacts", "mail"], &["email"]),
    (&["storage", "state_path", "state_dir"], &["state"]),
    (&["eab", "external_account", "external_account_key"], &["binding"]),
    (&["key_type"], &["key"]),
    (&["error_page", "error_pages", "errorfile", "errorfiles"], &["pages", "errors"]),
    (&["access_log", "log_requests"], &["access", "log"]),
    (&["client_max_body_size", "max_body_size", "body_bytes", "max_body"], &["body", "limits"]),
    (&["merge_slashes"], &["empty_segments", "paths"]),
    (&["normalize_path", "path_normalization"], &["paths"]),
    (&["underscores_in_headers", "headers_with_underscores_action"], &["header_names"]),
    (&["proxy_timeout", "timeout_tunnel"], &["tunnel"]),
    (&["threads", "worker_processes", "nbthread"], &["workers"]),
    (&["slowstart"], &["slow_start"]),
    (&["ip_hash", "source", "source_ip", "client_ip_hash"], &["client-ip"]),
    (&["leastconn", "least_conn", "least_connections", "least_outstanding"], &["least-request"]),
    (&["least_time", "leasttime", "ewma", "response_time"], &["peak-ewma"]),
    (&["p2c", "random_two", "power_of_two"], &["two-choices"]),
    (&["limit_req", "ratelimit", "rate_limits", "local_rate_limit", "throttle"], &["rate_limit"]),
    (&["maxconn", "max_conn", "max_conns", "worker_connections"], &["max_connections"]),
    (&["maxconn", "max_conns", "max_connections"], &["connections", "limits"]),
    (&["limit_conn", "max_connections_per_ip"], &["max_connections_per_client"]),
    (&["whitelist", "allowlist", "allow_from"], &["allow"]),
    (&["blacklist", "blocklist", "denylist"], &["deny"]),
    (&["average", "requests_per_second"], &["rate"]),
    (&["rr", "wrr", "static_rr", "weighted_round_robin"], &["round-robin"]),
    (
        &["hash", "consistent", "consistent_hash", "ketama", "uri", "hdr"],
        &["ring-hash", "rendezvous"],
    ),
    (
        &["retries", "max_retries", "num_retries", "proxy_next_upstream_tries"],
        &["attempts", "retry"],
    ),
    (&["retry_on", "retryon", "proxy_next_upstream"], &["on", "retry"]),
    (&["outlier_detection", "passive_health_check", "observe", "max_fails"], &["outlier"]),
    (&["consecutive_5xx", "consecutive_errors", "error_limit"], &["consecutive"]),
    (&["base_ejection_time", "ejection_time", "fail_timeout"], &["eject"]),
    (&["max_ejection_time"], &["eject_max"]),
    (&["max_ejection_percent"], &["max_ejected"]),
    (&["success_rate_stdev_factor", "stdev"], &["deviations"]),
    (&["circuit_breaker", "circuitbreaker", "circuit_breakers"], &["breaker"]),
    (&["hedging", "hedge_policy"], &["hedge"]),
    (&["max_requests", "concurrency", "max_concurrency"], &["requests", "limits"]),
    (&["max_pending_requests", "maxqueue", "max_pending", "queue"], &["pending", "limits"]),
    (&["timeout_queue", "queue_timeout"], &["pending_wait", "limits"]),
    (&["adaptive_concurrency", "gradient"], &["adaptive", "limits"]),
    (&["healthy_panic_threshold", "panic_threshold"], &["panic_below"]),
    (&["ssl", "transport_socket", "servers_transport"], &["tls"]),
    (
        &[
            "h2",
            "http2",
            "http/2",
            "http_2",
            "http/2.0",
            "2.0",
            "h2c",
            "h2_prior_knowledge",
            "grpc",
        ],
        &["2"],
    ),
    (&["h1", "http1", "http/1", "http_1", "http/1.1", "http1.1", "1.1", "http/1.0", "1.0"], &["1"]),
    // As Envoy calls them in `retry_on`.
    (&["connect_failure"], &["connect"]),
    (&["cancelled"], &["grpc-cancelled"]),
    (&["deadline_exceeded"], &["grpc-deadline-exceeded"]),
    (&["resource_exhausted"], &["grpc-resource-exhausted"]),
    (&["aborted"], &["grpc-aborted"]),
    (&["internal"], &["grpc-internal"]),
    (&["unavailable"], &["grpc-unavailable"]),
    (&["alpn", "both", "any", "negotiate", "negotiated"], &["auto"]),
    (
        &[
            "http_version",
            "proxy_http_version",
            "http_protocol",
            "http2_protocol_options",
            "http2",
            "h2",
            "h2c",
            "proto",
            "protocol",
            "protocols",
            "scheme",
            "versions",
        ],
        &["http2", "http"],
    ),
    (&["ssl_verify", "verify_peer", "insecure_skip_verify", "proxy_ssl_verify"], &["verify"]),
    (&["sni", "verifyhost", "proxy_ssl_name", "ssl_server_name"], &["server_name"]),
    (&["ca_file", "ca_cert", "root_ca", "trusted_ca", "proxy_ssl_trusted_certificate"], &["ca"]),
    (&["crt", "certificate", "client_cert", "proxy_ssl_certificate"], &["cert"]),
    (&["availability_zone", "az", "locality", "region"], &["zone"]),
    (&["tags", "metadata", "subset", "subset_selector"], &["labels"]),
];

/// Keys that people put one table too deep, or into the wrong one.
const HOMES: &[(&[&str], &str)] = &[
    (&["include", "workers", "drain"], "at the top of the file, before the first `[…]`"),
    (
        &["bind", "to", "protocol", "trusted_proxies", "paths", "header_names", "errors"],
        "in a `[listener.NAME]`",
    ),
    (
        &[
            "endpoints",
            "pool",
            "slow_start",
            "panic_below",
            "prefer_zone",
            "retry",
            "outlier",
            "breaker",
            "hedge",
            "http",
        ],
        "in a `[cluster.NAME]`",
    ),
    (
        &["max_connections", "max_connections_per_client", "connection_rate"],
        "in a `[listener.NAME]`",
    ),
    (&["alpn", "grpc_web"], "in a `[[route]]`"),
    (&["rate_limit", "allow", "deny"], "in a `[listener.NAME]`, or in a `[[route]]`"),
    (&["rate", "burst", "dry_run", "ipv4_prefix", "ipv6_prefix"], "in a `rate_limit`"),
    (&["attempts", "on", "budget", "budget_min", "backoff"], "in the `retry` of a cluster"),
    (
        &["connections", "requests", "pending", "pending_wait", "adaptive"],
        "in the `limits` of a cluster",
    ),
    (&["balance", "health"], "in a `[cluster.NAME]`, or in a listener that lists endpoints"),
    (&["header", "keep_alive", "write", "tunnel"], "in the `timeouts` of a listener"),
    (&["body"], "in the `limits` of a listener (how large), or in its `timeouts` (how slow)"),
    (
        &["connect", "first_byte", "exchange"],
        "in the `timeouts` of a cluster; `exchange` of a route, too",
    ),
    (&["idle", "max_idle", "max_age", "max_requests"], "in the `pool` of a cluster"),
    (&["header_bytes", "header_count", "target_bytes", "streams"], "in the `limits` of a listener"),
    (
        &[
            "encoded_slash",
            "encoded_nul",
            "backslash",
            "overlong_utf8",
            "bad_escape",
            "dot_segments",
            "empty_segments",
        ],
        "in the `paths` of a listener",
    ),
    (&["reason_header", "pages"], "in the `errors` of a listener"),
    (
        &[
            "interval",
            "fast_interval",
            "timeout",
            "jitter",
            "fall",
            "rise",
            "status",
            "service",
            "command",
        ],
        "in the `health` of a cluster",
    ),
    (&["server_name"], "in the `tls` of a cluster, or in its `health`"),
    (&["ca", "verify"], "in the `tls` of a cluster"),
    (&["zone"], "at the top of the file (ours), or in an endpoint"),
    (&["labels"], "in an endpoint, or in a `[[route]]`"),
    (
        &["weight", "backup", "priority"],
        "in an endpoint: `{ address = \"10.0.0.1:80\", weight = 3 }`",
    ),
    (&["level", "access"], "in `[log]`"),
    (&["format", "keep"], "in the `access` of `[log]`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_words_are_suggested() {
        let known = ["health", "balance", "endpoints", "pool"];
        assert_eq!(closest("heath", known), Some("health"));
        assert_eq!(closest("Balance", known), Some("balance"));
        assert_eq!(closest("end-points", known), Some("endpoints"));
        assert_eq!(closest("sticky", known), None);
        assert_eq!(closest("x", known), None);
        assert_eq!(closest("", known), None);
    }

    #[test]
    fn a_word_of_another_load_balancer_is_translated_to_what_is_possible_here() {
        assert_eq!(translate("servers", &["endpoints", "balance"]), Some("endpoints"));
        assert_eq!(translate("upstream", &["bind", "to"]), Some("to"));
        assert_eq!(translate("listen", &["bind", "to"]), Some("bind"));
        assert_eq!(translate("servers", &["level"]), None);
        assert_eq!(translate("ip_hash", &["ring-hash", "client-ip"]), Some("client-ip"));
        assert_eq!(translate("leastconn", &["random", "least-request"]), Some("least-request"));
    }
}
