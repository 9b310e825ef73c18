//! Where the state of `[acme.NAME]` is, which its listeners' certificates are a part of. Called by `Config::read` once all is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::decode::STATE_DEFAULT;
use super::draft::Draft;
use super::expand::Variables;
use super::files::Files;
use super::model::{CertificateSource, FilePlace};
use super::sources::Sources;
use crate::state_directory::state_directory;

/// Finds the places of all state, and tells the listeners.
pub(super) fn settle(
    draft: &mut Draft,
    files: &dyn Files,
    sources: &Sources,
    variables: &Variables<'_>,
) {
    let locate = |place: &mut Spanned<FilePlace>| {
        let start = place.span().start;
        let place = place.get_mut();
        let path = sources.resolve(start, Path::new(&place.written));
        place.written = path.to_string_lossy().into_owned();
        place.path = files.locate(&path);
    };
    let told = state_directory(variables).map(|told| told.join("acme"));
    let usual = told.unwrap_or_else(|| PathBuf::from(STATE_DEFAULT));
    let mut places = HashMap::new();
    for acme in &mut draft.acme {
        [&mut acme.ca, &mut acme.state].into_iter().flatten().for_each(locate);
        acme.usual_state.clone_from(&usual);
        places.insert(acme.name.get_ref().clone(), acme.file());
    }
    let tls = draft.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut());
    for source in tls.flat_map(|tls| &mut tls.certificates) {
        if let CertificateSource::Acme { name, file } = source.get_mut() {
            *file = places.get(name).cloned().unwrap_or_default();
        }
    }
}
