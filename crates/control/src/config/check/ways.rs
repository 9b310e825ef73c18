//! What leads to each cluster that several may share. Asked by what `check` says of clusters by what comes to them.

use std::collections::HashMap;

use evenkeel_plan::endpoint::Labels;
use evenkeel_plan::listener::Protocol;
use toml::Spanned;

use super::super::draft::{Draft, ListenerDraft, RouteDraft, Target};

/// What leads to one cluster.
#[derive(Default)]
pub(super) struct Ways<'d> {
    /// A listener whose requests do.
    pub(super) requests: Option<&'d ListenerDraft>,
    /// A listener whose streams do.
    pub(super) streams: Option<&'d ListenerDraft>,
    /// Whether there may be requests of HTTP/2 among those.
    pub(super) has_http2: bool,
    /// Whether a route makes calls of gRPC of those of gRPC-Web.
    pub(super) is_translated: bool,
    /// What a route chooses among its endpoints by.
    pub(super) labels: Option<&'d Spanned<Labels>>,
}

/// What leads to each cluster, by its name; none to one that is not used.
pub(super) fn ways(draft: &Draft) -> HashMap<&str, Ways<'_>> {
    let mut ways: HashMap<&str, Ways<'_>> = HashMap::new();
    for listener in &draft.listeners {
        if let Target::Named(name) = &listener.target {
            ways.entry(name.get_ref()).or_default().add(listener, None);
        }
        for route in draft.routes.iter().filter(|it| it.may_be_of(listener.name.get_ref())) {
            for (name, _) in &route.to {
                ways.entry(name.get_ref()).or_default().add(listener, Some(route));
            }
        }
    }
    ways
}

impl<'d> Ways<'d> {
    /// Whether calls of gRPC may come: in HTTP/1 there are none.
    pub(super) fn has_calls(&self) -> bool {
        self.has_http2 || self.is_translated
    }

    fn add(&mut self, listener: &'d ListenerDraft, route: Option<&'d RouteDraft>) {
        // What could not be understood may have been meant for either.
        if !matches!(listener.protocol, Some(Protocol::Http)) {
            self.streams.get_or_insert(listener);
        }
        if let None | Some(Protocol::Http) = listener.protocol {
            self.requests.get_or_insert(listener);
            self.has_http2 |= listener.http2;
            let grpc_web = route.and_then(|route| route.grpc_web.as_ref());
            self.is_translated |= grpc_web.is_some_and(|it| *it.get_ref());
        }
        let labels = route.and_then(|route| route.labels.as_ref());
        self.labels = self.labels.or(labels.filter(|labels| !labels.get_ref().is_empty()));
    }
}
