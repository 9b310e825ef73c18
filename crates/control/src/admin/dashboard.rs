//! The dashboard: a page for browsers, and what it loads. Everything is in the binary, and nothing comes from elsewhere. Whoever makes
//! another page, as the simulator does, finds here what both have in common.

use axum::Router;
use axum::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, VARY,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The page for whoever asks for HTML, as browsers do; `index` for the others.
pub(super) async fn page_or(index: &'static str, headers: HeaderMap) -> Response {
    if !wants_html(&headers) {
        return ([(VARY, "Accept")], index).into_response();
    }
    let fields = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (VARY, "Accept"),
    ];
    (fields, include_str!("dashboard/page.html")).into_response()
}

/// Routes for what the page loads.
pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, &(path, kind, text)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }))
    })
}

/// Whether `text/html` is named: `curl` and health checks take anything, which is not the same.
fn wants_html(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        // RFC 9110 §12.4.2: a weight of 0 means 'not acceptable'.
        html && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// Whatever a name or a reason contains, the browser runs and loads nothing but ours, and nobody shows the page in a frame of
/// theirs to have its buttons pressed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Colours and shapes, as a style sheet.
pub const STYLE: &str = include_str!("dashboard/style.css");

/// uPlot, which draws charts, as a script that sets `uPlot`; empty if it was not to be had when this was built.
pub const CHART_SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/uplot.js"));

/// The style sheet of uPlot.
pub const CHART_STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/uplot.css"));

/// A module that makes elements of a page.
pub const ELEMENTS: &str = include_str!("dashboard/dom.js");

/// A module that writes numbers and times as people read them.
pub const NOTATION: &str = include_str!("dashboard/format.js");

/// Path, type and text of what the page loads.
const ASSETS: &[(&str, &str, &str)] = &[
    ("/dashboard/style.css", CSS, STYLE),
    ("/dashboard/uplot.css", CSS, CHART_STYLE),
    ("/dashboard/uplot.js", SCRIPT, CHART_SCRIPT),
    ("/dashboard/theme.js", SCRIPT, include_str!("dashboard/theme.js")),
    ("/dashboard/app.js", SCRIPT, include_str!("dashboard/app.js")),
    ("/dashboard/actions.js", SCRIPT, include_str!("dashboard/actions.js")),
    ("/dashboard/charts.js", SCRIPT, include_str!("dashboard/charts.js")),
    ("/dashboard/cluster.js", SCRIPT, include_str!("dashboard/cluster.js")),
    ("/dashboard/dom.js", SCRIPT, ELEMENTS),
    ("/dashboard/endpoints.js", SCRIPT, include_str!("dashboard/endpoints.js")),
    ("/dashboard/events.js", SCRIPT, include_str!("dashboard/events.js")),
    ("/dashboard/format.js", SCRIPT, NOTATION),
    ("/dashboard/history.js", SCRIPT, include_str!("dashboard/history.js")),
    ("/dashboard/rates.js", SCRIPT, include_str!("dashboard/rates.js")),
    ("/dashboard/row.js", SCRIPT, include_str!("dashboard/row.js")),
    ("/dashboard/states.js", SCRIPT, include_str!("dashboard/states.js")),
    ("/dashboard/stories.js", SCRIPT, include_str!("dashboard/stories.js")),
    ("/dashboard/stream.js", SCRIPT, include_str!("dashboard/stream.js")),
    ("/dashboard/summary.js", SCRIPT, include_str!("dashboard/summary.js")),
    ("/dashboard/tables.js", SCRIPT, include_str!("dashboard/tables.js")),
    ("/dashboard/toggle.js", SCRIPT, include_str!("dashboard/toggle.js")),
];

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_html_gets_the_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let table = [
            (vec![], false),
            (vec!["*/*"], false),
            (vec!["application/json"], false),
            (vec![browser], true),
            (vec!["TEXT/HTML; charset=utf-8"], true),
            (vec!["text/plain", "text/html;q=0.5"], true),
            (vec!["text/html;q=0"], false),
            (vec!["text/html-ish"], false),
        ];
        for (accepted, expected) in table {
            let mut headers = HeaderMap::new();
            for value in &accepted {
                headers.append(ACCEPT, value.parse().unwrap());
            }
            assert_eq!(wants_html(&headers), expected, "{accepted:?}");
        }
    }
}
