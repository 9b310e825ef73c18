//! What came of a simulation, as a person reads it; pure. Printed by `command`.

use std::fmt::Write as _;
use std::time::Duration;

use evenkeel_sim::{Event, Latency, Report};

use crate::table::{Cell, Side, Table};
use crate::tone::{Palette, Tone};
use crate::units::{show_count, show_duration};

use super::measured::Measured;
use super::outcome::{Outcome, worst};
use super::shares;
use super::text::{percent, wrapped};
use super::words;

/// The page, with lines of at most `width` characters where that can be; ends with a newline.
pub(super) fn page(outcome: &Outcome<'_>, width: usize, palette: Palette) -> String {
    let mut page = heading(outcome, width, palette);
    page.push_str(&happenings(&outcome.setting.scenario.events, palette));
    page.push('\n');
    page.push_str(&figures(outcome, width, palette));
    if let Some(recommendation) = &outcome.recommendation {
        let advice = format!("Recommended: {}", recommendation.because);
        // Nobody reads lines of 200 characters.
        let lines = wrapped(&advice, width.min(TEXT_WIDTH), 0);
        let name = recommendation.algorithm.name();
        let _ = writeln!(page, "\n{}", lines.replacen(name, &palette.paint(Tone::Strong, name), 1));
    }
    page
}

fn heading(outcome: &Outcome<'_>, width: usize, palette: Palette) -> String {
    let setting = outcome.setting;
    let width = width.min(TEXT_WIDTH);
    let mut text = String::new();
    if let Some(named) = setting.named {
        let told =
            setting.story.map_or(named.name.to_owned(), |story| format!("{}: {story}", named.name));
        let name = palette.paint(Tone::Strong, named.name);
        let _ = writeln!(text, "{}", wrapped(&told, width, 0).replacen(named.name, &name, 1));
    }
    if let Some(origin) = &setting.origin {
        let (cluster, algorithm) = (&origin.cluster, origin.algorithm.name());
        let _ = writeln!(text, "cluster {cluster}, which is balanced by {algorithm}");
    }
    // A fact stays together where a line breaks.
    let facts = words::facts(&setting.scenario).into_iter().map(|fact| fact.replace(' ', "\u{a0}"));
    let facts = wrapped(&facts.collect::<Vec<_>>().join(" · "), width, 0).replace('\u{a0}', " ");
    text.push_str(&facts);
    text.push('\n');
    if let Some(measured) = &setting.measured {
        let requests = show_count(measured.requests);
        let _ = writeln!(text, "measured at {}: {requests} requests", measured.url);
    }
    text
}

fn happenings(events: &[Event], palette: Palette) -> String {
    let told: Vec<(String, String)> =
        words::in_order(events).into_iter().map(words::event).collect();
    let width = told.iter().map(|(when, _)| when.chars().count()).max().unwrap_or_default();
    let line = |(when, what): &(String, String)| {
        format!("  {}  {what}\n", palette.paint(Tone::Warning, &format!("{when:<width$}")))
    };
    told.iter().map(line).collect()
}

/// A column, and how soon it is left out where there is no room: the highest first.
struct Column {
    title: &'static str,
    side: Side,
    dispensable: u8,
    cells: Vec<Cell>,
}

fn figures(outcome: &Outcome<'_>, width: usize, palette: Palette) -> String {
    let mut columns = columns(outcome);
    while total_width(&columns) > width {
        let rank = |(_, column): &(usize, &Column)| column.dispensable;
        match columns.iter().enumerate().max_by_key(rank) {
            Some((position, column)) if column.dispensable > 0 => drop(columns.remove(position)),
            _ => break,
        }
    }
    let heads: Vec<(Side, &'static str)> =
        columns.iter().map(|column| (column.side, column.title)).collect();
    let mut table = Table::new(&heads);
    let rows = outcome.reports.len() + usize::from(outcome.setting.measured.is_some());
    for row in 0..rows {
        table.push(columns.iter().map(|column| column.cells[row].clone()).collect());
    }
    table.render(palette)
}

fn total_width(columns: &[Column]) -> usize {
    let width = |column: &Column| {
        let cells = column.cells.iter().map(|(_, text)| text.chars().count());
        cells.chain([column.title.chars().count()]).max().unwrap_or_default() + GAP
    };
    columns.iter().map(width).sum::<usize>().saturating_sub(GAP)
}

fn columns(outcome: &Outcome<'_>) -> Vec<Column> {
    let reports = &outcome.reports;
    let measured = outcome.setting.measured.as_ref();
    let recommended = outcome.recommendation.as_ref().map(|it| it.algorithm);
    let name = |report: &Report| {
        let is_best = recommended == Some(report.algorithm);
        let (tone, mark) = if is_best { (Tone::Strong, "▸") } else { (Tone::Plain, " ") };
        (tone, format!("{mark} {}", report.algorithm.name()))
    };
    let all = |cell: &dyn Fn(&Report) -> Cell| reports.iter().map(cell).collect();
    // What was measured has the last row.
    let column = |title, dispensable, mut cells: Vec<Cell>, last: &dyn Fn(&Measured) -> Cell| {
        cells.extend(measured.map(last));
        Column { title, side: Side::Right, dispensable, cells }
    };
    let time = |title, dispensable, time: fn(&Latency) -> Duration| {
        let last = |it: &Measured| shown(Tone::Plain, it.latency.as_ref().map(time));
        column(title, dispensable, times(reports, time), &last)
    };
    let unknown = |_: &Measured| (Tone::Quiet, NONE.to_owned());
    let mut columns = vec![
        Column {
            side: Side::Left,
            ..column("  algorithm", 0, all(&name), &|_| (Tone::Plain, "  measured".to_owned()))
        },
        time("mean", 4, |latency| latency.mean),
        time("p50", 0, |latency| latency.p50),
        time("p99", 0, |latency| latency.p99),
        time("p99.9", 3, |latency| latency.p999),
        column("errors", 0, errors(reports), &|it| (Tone::Plain, percent(it.error_share()))),
    ];
    if reports.iter().any(|report| report.retries > 0) {
        let retries = |report: &Report| (Tone::Plain, show_count(report.retries));
        columns.push(column("retries", 7, all(&retries), &unknown));
    }
    let moved = |report: &Report| (Tone::Plain, percent(report.keys.moved_share()));
    let rank = if outcome.setting.wants_affinity() { 0 } else { 6 };
    columns.push(column("moved", rank, all(&moved), &unknown));
    if reports.iter().any(|report| !report.afflictions.is_empty()) {
        let noticed = |report: &Report| never(worst(report, |it| it.noticed));
        // Who was not avoided has nothing to recover from.
        let recovered = |report: &Report| match worst(report, |it| it.noticed) {
            Some(Some(_)) => never(worst(report, |it| it.recovered)),
            _ => never(None),
        };
        columns.push(column("notice", 2, all(&noticed), &unknown));
        columns.push(column("recover", 5, all(&recovered), &unknown));
    }
    columns.extend(share_columns(outcome));
    columns
}

/// Who got how much: as a picture, and if they are few in figures.
fn share_columns(outcome: &Outcome<'_>) -> Vec<Column> {
    let endpoints = outcome.endpoints();
    let measured = outcome.setting.measured.iter().map(|measured| measured.shares(endpoints));
    let rows: Vec<Option<Vec<f64>>> =
        outcome.reports.iter().map(|report| Some(shares::of(report))).chain(measured).collect();
    let largest = rows.iter().flatten().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    let column = |title, dispensable, tone, cell: &dyn Fn(&[f64]) -> String| {
        let cell = |row: &Option<Vec<f64>>| match row {
            Some(shares) => (tone, cell(shares)),
            None => (Tone::Quiet, NONE.to_owned()),
        };
        Column { title, side: Side::Left, dispensable, cells: rows.iter().map(cell).collect() }
    };
    let picture = |shares: &[f64]| shares::picture(shares, largest, PICTURE_WIDTH);
    let mut columns = vec![column("share", 1, Tone::Bar, &picture)];
    if endpoints.len() <= FIGURES_MAX {
        columns.push(column("in %", 8, Tone::Quiet, &shares::figures));
    }
    columns
}

/// A column of latencies: the best are good, and what is several times as long is bad.
fn times(reports: &[Report], time: impl Fn(&Latency) -> Duration) -> Vec<Cell> {
    let times: Vec<Option<Duration>> =
        reports.iter().map(|report| report.latency.as_ref().map(&time)).collect();
    let best = times.iter().flatten().min().copied().unwrap_or_default();
    let tone = |time: Duration| tone(time.as_secs_f64(), best.as_secs_f64(), 0.05);
    times.iter().map(|time| shown(time.map_or(Tone::Plain, tone), *time)).collect()
}

fn shown(tone: Tone, time: Option<Duration>) -> Cell {
    (tone, time.map_or(NONE.to_owned(), show_duration))
}

fn errors(reports: &[Report]) -> Vec<Cell> {
    let best = reports.iter().map(Report::error_share).fold(f64::INFINITY, f64::min);
    let cell = |report: &Report| {
        let share = report.error_share();
        (tone(share, best.max(0.0001), 0.0), percent(share))
    };
    reports.iter().map(cell).collect()
}

fn tone(value: f64, best: f64, slack: f64) -> Tone {
    if value <= best * (1.0 + slack) {
        Tone::Good
    } else if value > best * BAD {
        Tone::Bad
    } else {
        Tone::Plain
    }
}

fn never(time: Option<Option<Duration>>) -> Cell {
    match time {
        None => (Tone::Quiet, NONE.to_owned()),
        Some(None) => (Tone::Warning, "never".to_owned()),
        Some(Some(time)) => (Tone::Plain, format!("{:.1} s", time.as_secs_f64())),
    }
}

const NONE: &str = "–";

/// So many times the best is bad.
const BAD: f64 = 3.0;

/// As in tables everywhere here.
const GAP: usize = 2;

/// So many characters of a line are still read with ease.
const TEXT_WIDTH: usize = 100;

/// How many bars there may be.
const PICTURE_WIDTH: usize = 24;

/// Of how many endpoints shares are told in figures.
const FIGURES_MAX: usize = 8;
