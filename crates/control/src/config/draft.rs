//! A config that is decoded but not yet checked as a whole. It keeps the places of what the checks may have to point to.
//! `decode` makes it from a file, `serve_line` from a command line, `check` judges it.

use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_plan::cluster::{HttpVersion, PoolLimits, UpstreamTimeouts};
use evenkeel_plan::endpoint::Labels;
use evenkeel_plan::errors::ErrorPage;
use evenkeel_plan::health::HealthCheck;
use evenkeel_plan::listener::{Bind, DownstreamLimits, DownstreamTimeouts, Protocol};
use evenkeel_plan::overload::Limits;
use evenkeel_plan::rebalance;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::route::{HostPattern, PathPattern, default_name};
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::PathRules;
use ipnet::IpNet;
use toml::Spanned;

use super::decode::AcmeDraft;
use super::diagnostic::Span;
use super::model::{
    AccessConfig, AdminBind, AdmissionConfig, BalanceConfig, CertificateSource, ClientAuthConfig,
    ClusterConfig, Config, ConnectionsConfig, EligibilityConfig, EndpointConfig, ErrorsConfig,
    FilePlace, HstsConfig, HttpsPort, ListenerConfig, LogLevel, OriginationConfig, PageConfig,
    RouteConfig, Secret, StickyConfig, TlsConfig, TlsVersion, Trust, WorkerCount,
};
use crate::certificates::FileKind;

/// See [`Config`].
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) workers: WorkerCount,
    pub(super) drain: Duration,
    pub(super) zone: Option<Spanned<String>>,
    pub(super) listeners: Vec<ListenerDraft>,
    pub(super) routes: Vec<RouteDraft>,
    pub(super) clusters: Vec<ClusterDraft>,
    pub(super) acme: Vec<AcmeDraft>,
    pub(super) admin: AdminBind,
    /// Where `admin` is written, if it is.
    pub(super) admin_span: Option<Span>,
    pub(super) admin_token: Option<Secret>,
    pub(super) log_level: LogLevel,
    pub(super) access: Option<AccessDraft>,
}

/// See [`AccessConfig`].
#[derive(Debug, Default)]
pub(super) struct AccessDraft {
    pub(super) config: AccessConfig,
    /// Where its path is written, if it is.
    pub(super) path_span: Option<Span>,
}

/// See [`ListenerConfig`].
#[derive(Debug)]
pub(super) struct ListenerDraft {
    pub(super) name: Spanned<String>,
    pub(super) binds: Vec<Spanned<Bind>>,
    /// `None` if it could not be understood.
    pub(super) protocol: Option<Protocol>,
    pub(super) http2: bool,
    pub(super) target: Target,
    pub(super) admission: AdmissionConfig,
    pub(super) connections: ConnectionsConfig,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) timeouts: DownstreamTimeouts,
    pub(super) limits: DownstreamLimits,
    pub(super) paths: PathRules,
    pub(super) header_names: UnusualNames,
    pub(super) errors: ErrorsDraft,
    pub(super) tls: Option<TlsDraft>,
    pub(super) redirect_to_https: Option<HttpsPort>,
    pub(super) hsts: Option<HstsConfig>,
}

/// See [`TlsConfig`].
#[derive(Debug, Default)]
pub(super) struct TlsDraft {
    pub(super) certificates: Vec<Spanned<CertificateSource>>,
    pub(super) min_version: TlsVersion,
    pub(super) client_auth: Option<ClientAuthDraft>,
    pub(super) ticket_keys: Option<Spanned<FilePlace>>,
}

/// See [`ClientAuthConfig`].
#[derive(Debug)]
pub(super) struct ClientAuthDraft {
    pub(super) is_required: bool,
    pub(super) authorities: Vec<Spanned<FilePlace>>,
    pub(super) revocations: Vec<Spanned<FilePlace>>,
}

/// See [`ErrorsConfig`].
#[derive(Debug, Default)]
pub(super) struct ErrorsDraft {
    pub(super) reason_header: bool,
    pub(super) pages: Vec<PageDraft>,
}

/// See [`PageConfig`].
#[derive(Debug)]
pub(super) struct PageDraft {
    pub(super) statuses: RangeInclusive<u16>,
    pub(super) file: Spanned<String>,
    pub(super) media_type: &'static str,
    /// Empty until `files` has read it.
    pub(super) template: String,
}

/// Where a listener sends to.
#[derive(Debug)]
pub(super) enum Target {
    /// To a cluster that is defined elsewhere.
    Named(Spanned<String>),
    /// To a cluster of its own.
    Own(Box<ClusterDraft>),
    /// It does not say: routes do, or it is reported.
    Missing,
}

/// See [`RouteConfig`].
#[derive(Debug)]
pub(super) struct RouteDraft {
    /// Where it begins.
    pub(super) span: Span,
    pub(super) name: Option<Spanned<String>>,
    /// `None` if it names none.
    pub(super) listeners: Option<Vec<Spanned<String>>>,
    /// `None` if one of them could not be understood.
    pub(super) patterns: Option<Patterns>,
    /// The clusters that could be understood, with their weights.
    pub(super) to: Vec<(Spanned<String>, u32)>,
    /// Where all of `to` is; `None` if there is something in it that could not be understood.
    pub(super) to_span: Option<Span>,
    /// Where they are, if there are any.
    pub(super) labels: Option<Spanned<Labels>>,
    pub(super) admission: AdmissionConfig,
    pub(super) exchange_timeout: Option<Option<Duration>>,
    /// Where it is, if it is.
    pub(super) grpc_web: Option<Spanned<bool>>,
}

/// What requests a route is for.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) host: HostPattern,
    pub(super) path: PathPattern,
    /// The path as it is written, if it is.
    pub(super) path_text: Option<Spanned<String>>,
    pub(super) alpn: Box<[Box<str>]>,
    /// Where `alpn` is, if it is.
    pub(super) alpn_span: Option<Span>,
}

/// See [`ClusterConfig`].
#[derive(Debug)]
pub(super) struct ClusterDraft {
    pub(super) name: Spanned<String>,
    pub(super) endpoints: EndpointsDraft,
    pub(super) balance: BalanceConfig,
    pub(super) eligibility: EligibilityConfig,
    pub(super) sticky: Option<StickyConfig>,
    pub(super) health: HealthDraft,
    pub(super) tls: Option<OriginationDraft>,
    /// As it is written, if it is.
    pub(super) http: Option<Spanned<HttpVersion>>,
    pub(super) timeouts: UpstreamTimeouts,
    pub(super) deadline_header: Option<String>,
    pub(super) pool: PoolLimits,
    pub(super) resilience: Resilience,
    /// Where `retry` names a status of gRPC, if it does.
    pub(super) retried_calls: Option<Span>,
    pub(super) limits: Limits,
    pub(super) rebalance: Option<Spanned<rebalance::Settings>>,
}

/// See [`OriginationConfig`].
#[derive(Debug)]
pub(super) struct OriginationDraft {
    /// At the key that says so, or at `tls` itself.
    pub(super) trust: Spanned<Trust>,
    pub(super) server_name: Option<Box<str>>,
    pub(super) certificate: Option<Spanned<CertificateSource>>,
}

/// How endpoints are checked.
#[derive(Debug, Default)]
pub(super) struct HealthDraft {
    pub(super) checks: Vec<HealthCheck>,
    /// The programs that they run.
    pub(super) programs: Vec<Spanned<String>>,
    /// Where it says that they make a call of gRPC.
    pub(super) calls: Vec<Span>,
}

/// The endpoints of a cluster.
#[derive(Debug, Default)]
pub(super) struct EndpointsDraft {
    /// Those that could be understood.
    pub(super) list: Vec<Spanned<EndpointConfig>>,
    /// How many were written down.
    pub(super) written: usize,
    /// Where the list is.
    pub(super) span: Span,
}

impl Draft {
    /// The config that this becomes when nothing was wrong with it.
    pub(super) fn finish(self) -> Config {
        let all: Vec<String> =
            self.listeners.iter().map(|listener| listener.name.get_ref().clone()).collect();
        let routes = self.routes.into_iter().map(|route| route.finish(&all)).collect();
        let mut clusters: Vec<_> = self.clusters.into_iter().map(ClusterDraft::finish).collect();
        let mut listeners = Vec::with_capacity(self.listeners.len());
        for listener in self.listeners {
            let (listener, own) = listener.finish();
            listeners.push(listener);
            clusters.extend(own);
        }
        Config {
            workers: self.workers,
            drain: self.drain,
            zone: self.zone.map(Spanned::into_inner),
            listeners,
            routes,
            acme: self.acme.into_iter().map(AcmeDraft::finish).collect(),
            clusters,
            admin: self.admin,
            admin_token: self.admin_token,
            log_level: self.log_level,
            access: self.access.map(|access| access.config),
        }
    }
}

impl ListenerDraft {
    fn finish(self) -> (ListenerConfig, Option<ClusterConfig>) {
        let (to, own) = match self.target {
            Target::Named(name) => (Some(name.into_inner()), None),
            Target::Own(cluster) => (Some(cluster.name.get_ref().clone()), Some(cluster.finish())),
            Target::Missing => (None, None),
        };
        let protocol = self.protocol.unwrap_or_default();
        let listener = ListenerConfig {
            name: self.name.into_inner(),
            binds: self.binds.into_iter().map(Spanned::into_inner).collect(),
            protocol,
            http2: self.http2,
            to,
            admission: self.admission,
            connections: self.connections,
            trusted_proxies: self.trusted_proxies,
            timeouts: self.timeouts,
            limits: self.limits,
            paths: self.paths,
            header_names: self.header_names,
            errors: self.errors.finish(),
            tls: self.tls.map(|tls| tls.finish(protocol, self.http2)),
            redirect_to_https: self.redirect_to_https,
            hsts: self.hsts,
        };
        (listener, own)
    }
}

impl TlsDraft {
    fn finish(self, carries: Protocol, http2: bool) -> TlsConfig {
        TlsConfig {
            carries,
            http2,
            certificates: self.certificates.into_iter().map(Spanned::into_inner).collect(),
            min_version: self.min_version,
            client_auth: self.client_auth.map(ClientAuthDraft::finish),
            ticket_keys: self.ticket_keys.map(Spanned::into_inner),
        }
    }

    /// The files beside certificates that it names.
    pub(super) fn followed_mut(
        &mut self,
    ) -> impl Iterator<Item = (FileKind, &mut Spanned<FilePlace>)> {
        let auth = self.client_auth.iter_mut().flat_map(|auth| {
            let authorities =
                auth.authorities.iter_mut().map(|it| (FileKind::ClientAuthorities, it));
            authorities.chain(auth.revocations.iter_mut().map(|it| (FileKind::Revocations, it)))
        });
        auth.chain(self.ticket_keys.iter_mut().map(|it| (FileKind::TicketKeys, it)))
    }
}

impl ClientAuthDraft {
    fn finish(self) -> ClientAuthConfig {
        let plain =
            |places: Vec<Spanned<FilePlace>>| places.into_iter().map(Spanned::into_inner).collect();
        ClientAuthConfig {
            is_required: self.is_required,
            authorities: plain(self.authorities),
            revocations: plain(self.revocations),
        }
    }
}

impl OriginationDraft {
    fn finish(self, http: HttpVersion) -> OriginationConfig {
        OriginationConfig {
            trust: self.trust.into_inner(),
            server_name: self.server_name,
            certificate: self.certificate.map(Spanned::into_inner),
            http,
        }
    }
}

impl RouteDraft {
    /// What metrics and messages call it.
    pub(super) fn label(&self) -> String {
        match (&self.name, &self.patterns) {
            (Some(name), _) => name.get_ref().clone(),
            (None, Some(Patterns { host, path, alpn, .. })) => default_name(host, path, alpn),
            (None, None) => String::new(),
        }
    }

    /// Whether it is for the listener called `name`, as far as it says.
    pub(super) fn may_be_of(&self, name: &str) -> bool {
        let names = self.listeners.as_ref();
        names.is_none_or(|names| names.iter().any(|each| each.get_ref() == name))
    }

    /// One that names no listener is for `all`, of which there is only one then.
    fn finish(self, all: &[String]) -> RouteConfig {
        let listeners =
            self.listeners.map(|names| names.into_iter().map(Spanned::into_inner).collect());
        let patterns = self.patterns.map(|Patterns { host, path, alpn, .. }| (host, path, alpn));
        let (host, path, alpn) = patterns.unwrap_or_default();
        RouteConfig {
            name: self.name.map(Spanned::into_inner),
            listeners: listeners.unwrap_or_else(|| all.to_vec()),
            host,
            path,
            alpn,
            to: self.to.into_iter().map(|(name, weight)| (name.into_inner(), weight)).collect(),
            labels: self.labels.map(Spanned::into_inner).unwrap_or_default(),
            admission: self.admission,
            exchange_timeout: self.exchange_timeout,
            grpc_web: self.grpc_web.is_some_and(Spanned::into_inner),
        }
    }
}

impl ErrorsDraft {
    fn finish(self) -> ErrorsConfig {
        let finish = |page: PageDraft| PageConfig {
            file: page.file.into_inner(),
            page: ErrorPage {
                statuses: page.statuses,
                media_type: page.media_type.into(),
                template: page.template.into(),
            },
        };
        let pages = self.pages.into_iter().map(finish).collect();
        ErrorsConfig { reason_header: self.reason_header, pages }
    }
}

impl From<HealthCheck> for HealthDraft {
    fn from(check: HealthCheck) -> Self {
        Self { checks: vec![check], ..Self::default() }
    }
}

impl ClusterDraft {
    fn finish(self) -> ClusterConfig {
        let http = self.http.map(Spanned::into_inner).unwrap_or_default();
        ClusterConfig {
            name: self.name.into_inner(),
            endpoints: self.endpoints.list.into_iter().map(Spanned::into_inner).collect(),
            balance: self.balance,
            eligibility: self.eligibility,
            sticky: self.sticky,
            health: self.health.checks,
            tls: self.tls.map(|tls| tls.finish(http)),
            http,
            timeouts: self.timeouts,
            deadline_header: self.deadline_header,
            pool: self.pool,
            resilience: self.resilience,
            limits: self.limits,
            rebalance: self.rebalance.map(Spanned::into_inner),
        }
    }
}
