use std::collections::VecDeque;

use evenkeel_control::admin::{
    EndpointStatus, ForcedState, LastCheck, LastReload, ReloadResult, RestartPending,
    StandingStatus, Trigger,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::super::asker::News;
use super::super::console::{Console, Notice};
use super::super::fixture::{console, look};
use super::*;
use crate::status::fixture::{NOW, endpoint};
use crate::tone::Tone;

fn drawn(console: &Console, width: u16, height: u16, has_colour: bool) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| console.draw(frame, Palette::new(has_colour))).unwrap();
    terminal.backend().clone()
}

/// The lines of the screen without the blanks at their ends.
fn lines(console: &Console, width: u16, height: u16) -> Vec<String> {
    let backend = drawn(console, width, height, true);
    let cells = backend.buffer().content().chunks(usize::from(width));
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    };
    cells.map(line).collect()
}

fn has(lines: &[String], word: &str) -> bool {
    lines.iter().any(|line| line.contains(word))
}

#[test]
fn eighty_by_twenty_four_shows_everything_but_the_sparklines() {
    let expected = [
        " evenkeel 1.2.3  ● ready   up 3 h 13 min · 2 workers · generation 7",
        " config /etc/evenkeel.toml                             127.0.0.1:9900 every 1 s",
        "",
        " listener        binds                         open    conn/s     req/s     5xx",
        " web             :8080 → api                     12       2.0       300     0 %",
        " plain           127.0.0.1:81 → web              12         0         0       –",
        "",
        "   endpoint         state        weight  flight   req/s errors     p50     p99",
        "   api  2 of 3 can get work                   4     300  least-request",
        " ▸ 127.0.0.1:9001   ✓ up              1       2     200    0 % 7.78 ms 23.5 ms",
        "   127.0.0.1:9002   ✗ down            1       0  connection refused (3 of 3)",
        "   127.0.0.1:9003   ✓ up              1       2     100  1.0 % 7.78 ms 23.5 ms",
        "   web  1 of 1 can get work                   0       0  least-request",
        "   app.internal:80  ✓ up              1       0  backup",
        "",
        "",
        " 127.0.0.1:9001 of api is up for 3 min",
        " since the start: 13,000 requests, 0 errors · p50 5.12 ms · p99 21.0 ms",
        "    3 min ago  evenkeel 1.2.3 has started",
        "     12 s ago  api 127.0.0.1:9002 is down: connection refused",
        "",
        "",
        "",
        " ↑↓ select  d drain  u bring back  w weight  r reload  / filter  ? help  q quit",
    ];
    assert_eq!(lines(&console(), 80, 24), expected);
}

#[test]
fn with_room_there_are_sparklines_on_one_scale() {
    let expected = [
        " evenkeel 1.2.3  ● ready   up 3 h 13 min · 2 workers · generation 7",
        " config /etc/evenkeel.toml                                                                     127.0.0.1:9900 every 1 s",
        "",
        " listener                binds                                                         open    conn/s     req/s     5xx",
        " web                     :8080 → api                                                     12       2.0       300     0 %",
        " plain                   127.0.0.1:81 → web                                              12         0         0       –",
        "",
        "   endpoint         state          weight in flight     req/s   errors       p50       p99 lately",
        "   api  2 of 3 can get work                       4       300  least-request",
        " ▸ 127.0.0.1:9001   ✓ up                1         2       200      0 %   7.78 ms   23.5 ms ███████████████████████████",
        "   127.0.0.1:9002   ✗ down              1         0  connection refused (3 of 3)",
        "   127.0.0.1:9003   ✓ up                1         2       100    1.0 %   7.78 ms   23.5 ms ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄",
        "   web  1 of 1 can get work                       0         0  least-request",
        "   app.internal:80  ✓ up                1         0  backup",
        "",
        "",
        "",
        "",
        "",
        "",
        " 127.0.0.1:9001 of api is up for 3 min",
        " since the start: 13,000 requests, 0 errors · p50 5.12 ms · p99 21.0 ms · p90 12.0 ms · mean 6.00 ms",
        "",
        "    3 min ago  evenkeel 1.2.3 has started",
        "     12 s ago  api 127.0.0.1:9002 is down: connection refused",
        "",
        "",
        "",
        "",
        " ↑↓ select  d drain  u bring back  w weight  r reload  / filter  ? help  q quit",
    ];
    assert_eq!(lines(&console(), 120, 30), expected);
}

#[test]
fn every_number_of_a_column_ends_where_its_title_ends() {
    for width in [80, 100, 120, 200] {
        let lines = lines(&console(), width, 30);
        let end = |line: &str, word: &str| {
            let end = line.rfind(word).unwrap() + word.len();
            line[..end].chars().count()
        };
        let line = |start: &str| lines.iter().find(|line| line.contains(start)).unwrap();
        let (heading, row) = (line(" endpoint"), line("▸ 127.0.0.1:9001"));
        for (title, value) in [("p50", "7.78 ms"), ("p99", "23.5 ms"), ("errors", "0 %")] {
            assert_eq!(end(heading, title), end(row, value), "{title} at {width}: {lines:#?}");
        }
    }
}

#[test]
fn the_smaller_the_screen_the_less_is_drawn_but_never_the_table() {
    for (height, listeners, events, detail) in [
        (28, true, true, true),
        (16, true, true, false),
        (13, true, false, false),
        (8, false, false, false),
    ] {
        let lines = lines(&console(), 80, height);
        assert!(has(&lines, "▸ 127.0.0.1:9001") && has(&lines, "q quit"), "{lines:#?}");
        let seen = [":8080 → api", "is down: connection refused", "since the start:"];
        assert_eq!(seen.map(|word| has(&lines, word)), [listeners, events, detail], "{lines:#?}");
    }
}

#[test]
fn no_size_is_too_small_to_draw() {
    for width in [1, 2, 10, 40, 60, 79, 300] {
        for height in 1..30 {
            let mut console = console();
            lines(&console, width, height);
            console.mode = Mode::Help;
            lines(&console, width, height);
        }
    }
}

#[test]
fn of_ten_thousand_endpoints_those_around_the_selected_one_are_shown() {
    let mut many = look(61);
    let endpoints = (0..10_000).map(|number| EndpointStatus {
        requests: number,
        ..endpoint(&format!("10.0.{}.{}:80", number / 250, number % 250))
    });
    many.status.clusters[0].endpoints = endpoints.collect();
    let mut console = console();
    console.hear(News::Seen(Box::new(many)));
    console.select(5000);
    let shown = lines(&console, 80, 24);
    assert!(has(&shown, "▸ 10.0.20.0:80") && has(&shown, "10.0.20.1:80"), "{shown:#?}");
    assert!(!has(&shown, "10.0.0.0:80"), "{shown:#?}");
    console.filter = "10.0.39.249".to_owned();
    console.settle();
    let shown = lines(&console, 80, 24);
    assert!(has(&shown, "   /10.0.39.249") && has(&shown, "▸ 10.0.39.249:80"), "{shown:#?}");
    console.filter = "nobody".to_owned();
    console.settle();
    assert!(has(&lines(&console, 80, 24), "nothing fits the filter: Esc drops it"));
}

#[test]
fn a_refused_config_is_told_in_red() {
    let mut refused = look(61);
    refused.status.config.refused = true;
    refused.status.config.last_reload = Some(LastReload {
        at_unix_seconds: NOW - 3.0,
        trigger: Trigger::File,
        result: ReloadResult::Refused,
        changes: Vec::new(),
        problem: Some("error[EK0101]: unknown key `too`\n more".to_owned()),
    });
    let mut console = console();
    console.hear(News::Seen(Box::new(refused)));
    let shown = lines(&console, 80, 24);
    let expected = " ! the config was refused 3 s ago: error[EK0101]: unknown key `too`";
    assert_eq!(shown[1], expected);
    let buffer = drawn(&console, 80, 24, true).buffer().clone();
    assert_eq!(buffer[(1, 1)].fg, Color::Red);
}

#[test]
fn a_lost_balancer_is_told_and_the_last_that_was_seen_stays() {
    let mut console = console();
    let why = "nothing listens at 127.0.0.1:9900\n  help".to_owned();
    console.hear(News::Lost { why, now: NOW + 12.0 });
    let shown = lines(&console, 80, 24);
    assert!(shown[0].contains("● no answer for 12 s, asking again"), "{shown:#?}");
    assert_eq!(shown[1], " ! nothing listens at 127.0.0.1:9900");
    assert!(has(&shown, "▸ 127.0.0.1:9001"), "{shown:#?}");
}

#[test]
fn what_is_typed_and_what_was_said_stand_above_the_keys() {
    let mut console = console();
    let line = |console: &Console| lines(console, 80, 24)[22].clone();
    let text = "~ cluster api: endpoint 127.0.0.1:9001: drained".to_owned();
    console.notice = Some(Notice { tone: Tone::Good, text: text.clone() });
    assert_eq!(line(&console), format!(" {text}"));
    console.mode = Mode::Weight("12".to_owned());
    assert_eq!(line(&console), " new weight of 127.0.0.1:9001 (now 1): 12▏");
    (console.mode, console.filter) = (Mode::Filter, "dow".to_owned());
    assert_eq!(line(&console), " filter: dow▏");
    console.mode = Mode::Help;
    let shown = lines(&console, 80, 24);
    assert!(has(&shown, "│ d          drain: no new work, what runs finishes"), "{shown:#?}");
    assert_eq!(shown[23], " any key back");
}

#[test]
fn the_help_is_whole_on_eighty_by_twenty_four() {
    let mut console = console();
    console.mode = Mode::Help;
    let shown = lines(&console, 80, 24);
    assert!(
        has(&shown, "req/s is of the last interval, the bars are those before; │"),
        "{shown:#?}"
    );
    assert!(has(&shown, "errors, p50 and p99 are of the last 10 intervals"), "{shown:#?}");
    assert!(has(&shown, "└───"), "{shown:#?}");
}

#[test]
fn a_narrow_screen_has_whole_keys_and_the_way_out() {
    let shown = lines(&console(), 60, 14);
    assert_eq!(shown[13], "↑↓ select  d drain  u bring back  w weight  ? help  q quit");
}

#[test]
fn a_restart_that_is_pending_stands_beside_the_config_and_what_is_cut_says_so() {
    let mut pending = look(61);
    let [key, running, wanted] = ["workers", "2", "4"].map(str::to_owned);
    pending.status.config.restart_pending = vec![RestartPending { key, running, wanted }];
    let mut console = console();
    console.hear(News::Seen(Box::new(pending)));
    let line = |width| lines(&console, width, 24)[1].clone();
    assert!(line(120).starts_with(" config /etc/evenkeel.toml · restart pending: workers 2 → 4 "));
    assert_eq!(line(48), "config /etc/evenkeel.toml · restart pending: wo…");
}

#[test]
fn those_that_all_get_work_are_counted_without_whoever_is_out_of_service() {
    let mut console = console();
    let cluster = &mut console.look.status.clusters[0];
    cluster.panic = Some("0 of 2 are well, fewer than 34%: all are used".to_owned());
    (cluster.in_service, cluster.well, cluster.working) = (2, 0, 2);
    assert_eq!(cluster.endpoints.len(), 3);
    let lines = lines(&console, 80, 24);
    assert!(has(&lines, "api  0 of 2 well, all get work"), "{lines:#?}");
}

#[test]
fn an_endpoint_that_is_forced_up_shows_that_its_checks_fail() {
    let mut forced = look(61);
    let api = &mut forced.status.clusters[0].endpoints;
    let detail = "connection refused".to_owned();
    api[1] = EndpointStatus {
        forced: Some(ForcedState::Up),
        standing: StandingStatus::Down,
        last_check: Some(LastCheck {
            passed: false,
            detail,
            at_unix_seconds: NOW,
            took_seconds: 0.001,
        }),
        ..endpoint("127.0.0.1:9002")
    };
    let mut console = console();
    console.hear(News::Seen(Box::new(forced)));
    let shown = lines(&console, 80, 24);
    let row = shown.iter().find(|line| line.contains("127.0.0.1:9002 ")).unwrap();
    assert!(row.contains("✓ up (forced)"), "{shown:#?}");
    assert!(row.contains("checks failing: connection r"), "{shown:#?}");
}

#[test]
fn without_colour_there_is_none_and_no_events_leave_no_trace() {
    let mut console = console();
    let coloured = |backend: &TestBackend| {
        backend.buffer().content().iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(coloured(&drawn(&console, 80, 24, true)) > 50);
    assert_eq!(coloured(&drawn(&console, 80, 24, false)), 0);
    console.events = VecDeque::new();
    assert!(!has(&lines(&console, 80, 24), " ago  "));
}

#[test]
fn what_is_cut_says_so() {
    assert_eq!([cut("abc", 3), cut("abcd", 3), cut("a", 0)], ["abc", "ab…", ""]);
    assert_eq!(
        [0.0, 0.04, 9.94, 9.96, 12_345.6].map(show_rate),
        ["0", "0.0", "9.9", "10", "12,346"]
    );
}
