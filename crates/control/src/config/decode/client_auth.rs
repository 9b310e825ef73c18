//! How the clients of a listener prove who they are: `client_auth`, `client_ca` and `client_crl` of its `tls`.

use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::ClientAuthDraft;
use super::super::model::FilePlace;
use super::super::section::{Field, Section};
use super::super::words::CLIENT_AUTH;
use super::tls::spanned_place;

/// Reads it; `None` if they need not.
pub(super) fn read(section: &mut Section<'_>) -> Option<ClientAuthDraft> {
    let asks = section.optional("client_auth");
    let [authorities, revocations] = ["client_ca", "client_crl"].map(|key| section.optional(key));
    let word = asks.clone().map(|field| field.choice(&CLIENT_AUTH));
    if let None | Some(Some(None)) = word {
        for field in [authorities, revocations].into_iter().flatten() {
            field.report_misplaced(NEEDS_CLIENT_AUTH);
        }
        return None;
    }
    // Where it is not known what was meant, what stands beside it is read all the same: one run finds every mistake.
    let is_required = word.flatten().flatten();
    if let (Some(asks), Some(_), None) = (asks, is_required, &authorities) {
        let problem =
            Diagnostic::new(Code::MissingKey, "nobody has signed the clients' certificates");
        asks.report(problem.label("needs `client_ca`").help(CLIENT_CA_HELP));
    }
    Some(ClientAuthDraft {
        is_required: is_required.unwrap_or_default(),
        authorities: authorities.map(|field| places(&field)).unwrap_or_default(),
        revocations: revocations.map(|field| places(&field)).unwrap_or_default(),
    })
}

/// A file, or a list of at least one.
fn places(field: &Field<'_>) -> Vec<Spanned<FilePlace>> {
    let items = field.items("the path of a file");
    if items.is_empty() {
        let problem = Diagnostic::new(Code::MissingKey, "there is no file to read");
        field.report(problem.label("is empty").help("name a file, or leave the key out"));
    }
    items.iter().filter_map(spanned_place).collect()
}

const NEEDS_CLIENT_AUTH: &str =
    "nobody is asked for a certificate without `client_auth = \"required\"` or \"optional\"";

const CLIENT_CA_HELP: &str =
    "name the file with the authorities that sign them, as in `client_ca = \"clients-ca.pem\"`";
