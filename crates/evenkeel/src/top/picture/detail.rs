//! What is known about the selected endpoint, in two lines.

use evenkeel_control::admin::{EndpointState, EndpointStatus, LastCheck};
use ratatui::layout::Rect;

use crate::screen::Canvas;
use crate::state_words::{age, endpoint_words, errors, note};
use crate::tone::Tone;
use crate::units::{show_age, show_count, show_quantile, show_seconds};

use super::super::console::Console;
use super::cut;

pub(super) fn draw(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let mut lines = place.rows();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return };
    let Some((cluster, endpoint)) = console.selection() else { return };
    let words = endpoint_words(endpoint);
    let head = [
        (Tone::Strong, format!("{} ", endpoint.name)),
        (Tone::Quiet, format!("of {} is ", cluster.name)),
        (words.tone, words.word.to_owned()),
    ];
    let used: usize = head.iter().map(|(_, text)| text.chars().count()).sum();
    let rest =
        cut(&standing(endpoint, console.now()), usize::from(first.width).saturating_sub(used));
    canvas.words(first, head.into_iter().chain([(Tone::Plain, rest)]));
    let bounds = &console.look.status.latency_bounds_seconds;
    canvas.left(second, Tone::Quiet, &history(endpoint, bounds, second.width.into()));
}

/// Since when and why, and what the last check found.
fn standing(endpoint: &EndpointStatus, now: f64) -> String {
    let since = age(endpoint, now).map(|age| format!(" for {}", show_age(age)));
    let note = note(endpoint);
    let note = if note.is_empty() { note } else { format!(": {note}") };
    let is_told = |check: &LastCheck| !check.passed && note.contains(&check.detail);
    let check = endpoint.last_check.as_ref().map(|check| match is_told(check) {
        true => format!(" · checked {} ago", show_age(now - check.at_unix_seconds)),
        false => checked(endpoint, check, now),
    });
    format!("{}{note}{}", since.unwrap_or_default(), check.unwrap_or_default())
}

fn checked(endpoint: &EndpointStatus, check: &LastCheck, now: f64) -> String {
    let (age, took) = (show_age(now - check.at_unix_seconds), show_seconds(check.took_seconds));
    let agrees = check.passed == (endpoint.state == EndpointState::Up);
    match (check.passed, agrees) {
        (true, true) => format!(" · checked {age} ago, in {took}"),
        // A change on its way, or somebody knows better than the checks.
        _ => format!(" · checked {age} ago: {}", check.detail),
    }
}

/// What came of it since the start, as far as `width` columns go: what matters most comes first, and no figure is cut.
fn history(endpoint: &EndpointStatus, bounds: &[f64], width: usize) -> String {
    let (requests, errors) = (show_count(endpoint.requests), show_count(errors(endpoint)));
    let mut text = cut(&format!("since the start: {requests} requests, {errors} errors"), width);
    let Some(latency) = &endpoint.latency else { return text };
    let quantile = |seconds| show_quantile(seconds, bounds);
    for figure in [
        format!(" · p50 {}", quantile(latency.p50_seconds)),
        format!(" · p99 {}", quantile(latency.p99_seconds)),
        format!(" · p90 {}", quantile(latency.p90_seconds)),
        format!(" · mean {}", show_seconds(latency.mean_seconds)),
    ] {
        if text.chars().count() + figure.chars().count() > width {
            break;
        }
        text.push_str(&figure);
    }
    text
}
