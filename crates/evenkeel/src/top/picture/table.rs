//! The clusters with their endpoints: as many lines as there is room for, around the selected one.

use evenkeel_control::admin::{ClusterStatus, EndpointStatus};
use ratatui::layout::Rect;
use ratatui::widgets::{RenderDirection, Sparkline};

mod columns;

use columns::Columns;

use crate::screen::Canvas;
use crate::state_words::{StateWords, all_are_used, endpoint_words, gets_work, note};
use crate::tone::Tone;
use crate::units::{show_count, show_quantile, show_share};

use super::super::console::Console;
use super::super::rows::Row;
use super::{cut, show_rate};

pub(super) fn draw(console: &Console, canvas: &mut Canvas<'_, '_>, place: Rect) {
    let mut lines = place.rows();
    let Some(heading) = lines.next() else { return };
    let rows = console.rows();
    let endpoints = rows.iter().filter_map(|row| match row {
        Row::Cluster(_) => None,
        Row::Endpoint(_, endpoint) => Some(endpoint),
    });
    let widths = endpoints.map(|endpoint| {
        let word = endpoint_words(endpoint).word.chars().count() + MARK;
        (endpoint.name.chars().count(), word)
    });
    let (name_width, state_width) =
        widths.fold((0, 0), |most, each| (most.0.max(each.0), most.1.max(each.1)));
    let columns = |line| Columns::new(line, name_width, state_width);
    draw_heading(console, canvas, &columns(heading));
    let selected = console.selected.as_ref();
    let at = selected.and_then(|key| rows.iter().position(|row| row.is(key))).unwrap_or(0);
    let first = first_row(at, rows.len(), usize::from(place.height) - 1);
    for (line, row) in lines.zip(rows.iter().skip(first)) {
        match row {
            Row::Cluster(cluster) => draw_cluster(console, canvas, &columns(line), cluster),
            Row::Endpoint(cluster, endpoint) => {
                let is_selected = selected.is_some_and(|key| row.is(key));
                let line = Line { columns: columns(line), is_selected };
                draw_endpoint(console, canvas, &line, (cluster, endpoint));
            }
        }
    }
    if rows.is_empty() {
        let line = Rect { y: place.y + 1, height: place.height.saturating_sub(1).min(1), ..place };
        canvas.left(line, Tone::Quiet, "  nothing fits the filter: Esc drops it");
    }
}

/// The first row that is shown, so that the selected one is in the middle if it can be.
fn first_row(selected: usize, rows: usize, room: usize) -> usize {
    selected.saturating_sub(room / 2).min(rows.saturating_sub(room))
}

struct Line {
    columns: Columns,
    is_selected: bool,
}

fn draw_heading(console: &Console, canvas: &mut Canvas<'_, '_>, columns: &Columns) {
    let name = match console.filter.as_str() {
        "" => "endpoint".to_owned(),
        filter => format!("/{filter}"),
    };
    canvas.left(columns.name, Tone::Quiet, &cut(&name, columns.name.width.into()));
    canvas.left(columns.state, Tone::Quiet, "state");
    let flight = if columns.in_flight.width >= 9 { "in flight" } else { "flight" };
    for (place, title) in [
        (columns.weight, "weight"),
        (columns.in_flight, flight),
        (columns.rate, "req/s"),
        (columns.errors, "errors"),
        (columns.p50, "p50"),
        (columns.p99, "p99"),
    ] {
        canvas.right(place, Tone::Quiet, title);
    }
    canvas.left(columns.spark, Tone::Quiet, "lately");
}

fn draw_cluster(
    console: &Console,
    canvas: &mut Canvas<'_, '_>,
    columns: &Columns,
    cluster: &ClusterStatus,
) {
    let endpoints = &cluster.endpoints;
    let working = cluster.working;
    let is_in_panic = all_are_used(cluster);
    let tone = match working {
        0 => Tone::Bad,
        _ if is_in_panic => Tone::Bad,
        _ if working < endpoints.len() => Tone::Warning,
        _ => Tone::Quiet,
    };
    let of = |part: usize, all: usize| {
        format!("{} of {}", show_count(part as u64), show_count(all as u64))
    };
    let working = match is_in_panic {
        true => format!("{} well, all get work", of(cluster.well, cluster.in_service)),
        false => format!("{} can get work", of(working, endpoints.len())),
    };
    let words = [(Tone::Strong, format!("{}  ", cluster.name)), (tone, working)];
    canvas.words(columns.label(), words);
    let place = columns.after_rate();
    let (tone, fact) = match cluster.panic.as_ref().or(cluster.last_resort.as_ref()) {
        Some(why) => (Tone::Bad, why),
        None => (Tone::Quiet, &cluster.algorithm),
    };
    canvas.left(place, tone, &cut(fact, place.width.into()));
    let in_flight: u64 = endpoints.iter().map(|each| u64::from(each.in_flight)).sum();
    let track = |each: &EndpointStatus| console.meter.endpoint(&cluster.name, &each.name);
    let rate: f64 = endpoints.iter().map(|each| track(each).requests_per_second()).sum();
    canvas.right(columns.in_flight, Tone::Strong, &show_count(in_flight));
    canvas.right(columns.rate, Tone::Strong, &show_rate(rate));
}

fn draw_endpoint(
    console: &Console,
    canvas: &mut Canvas<'_, '_>,
    line: &Line,
    (cluster, endpoint): (&ClusterStatus, &EndpointStatus),
) {
    let (columns, is_selected) = (&line.columns, line.is_selected);
    let (marker, tone) = if is_selected { ("▸", Tone::Strong) } else { ("", Tone::Plain) };
    canvas.left(columns.marker, Tone::Bar, marker);
    canvas.left(columns.name, tone, &cut(&endpoint.name, columns.name.width.into()));
    let StateWords { mark, word, tone } = endpoint_words(endpoint);
    canvas.left(columns.state, tone, &format!("{mark} {word}"));
    canvas.right(columns.weight, Tone::Plain, &endpoint.weight.to_string());
    canvas.right(columns.in_flight, Tone::Plain, &show_count(endpoint.in_flight.into()));
    let note = note(endpoint);
    // Whoever gets no work has no numbers worth a look, but a reason.
    if !note.is_empty() && (!gets_work(endpoint) || endpoint.requests == 0) {
        let tone = if gets_work(endpoint) { Tone::Quiet } else { tone };
        let place = columns.reason();
        return canvas.left(place, tone, &cut(&note, place.width.into()));
    }
    draw_numbers(console, canvas, columns, (cluster, endpoint));
}

fn draw_numbers(
    console: &Console,
    canvas: &mut Canvas<'_, '_>,
    columns: &Columns,
    (cluster, endpoint): (&ClusterStatus, &EndpointStatus),
) {
    let track = console.meter.endpoint(&cluster.name, &endpoint.name);
    canvas.right(columns.rate, Tone::Plain, &show_rate(track.requests_per_second()));
    let (errors, requests) = track.recent_errors();
    let tone = if errors == 0 { Tone::Quiet } else { Tone::Warning };
    canvas.right(columns.errors, tone, &show_share(errors, requests));
    let bounds = &console.look.status.latency_bounds_seconds;
    let show = |seconds| show_quantile(seconds, bounds);
    let latency = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), show);
    let (p50, p99) = console.meter.latency(track).unzip();
    canvas.right(columns.p50, Tone::Plain, &latency(p50));
    canvas.right(columns.p99, Tone::Plain, &latency(p99));
    if columns.spark.is_empty() {
        return;
    }
    // One scale for a cluster, so that its endpoints can be compared.
    let highest = |each: &EndpointStatus| {
        console.meter.endpoint(&cluster.name, &each.name).rates().max().unwrap_or(0)
    };
    let full = if cluster.endpoints.len() <= COMPARED_MAX {
        cluster.endpoints.iter().map(highest).max().unwrap_or(0)
    } else {
        highest(endpoint)
    };
    let width = usize::from(columns.spark.width);
    let spark = Sparkline::default()
        .data(track.rates().take(width).collect::<Vec<u64>>())
        .direction(RenderDirection::RightToLeft)
        .max(full.max(1))
        .style(canvas.palette.style(Tone::Bar));
    canvas.frame.render_widget(spark, columns.spark);
}

/// A state's mark and a blank.
const MARK: usize = 2;

/// Among more endpoints, finding the busiest would cost more than all the rest of a frame.
const COMPARED_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_is_always_shown() {
        for (selected, rows, room, first) in [
            (0, 5, 10, 0),
            (4, 5, 10, 0),
            (0, 100, 10, 0),
            (50, 100, 10, 45),
            (99, 100, 10, 90),
            (3, 4, 1, 3),
            (0, 0, 0, 0),
        ] {
            assert_eq!(first_row(selected, rows, room), first, "{selected} of {rows} in {room}");
        }
    }
}
