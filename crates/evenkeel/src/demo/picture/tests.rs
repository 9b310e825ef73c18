use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::super::sample::tests::sample;
use super::draw::bar;
use super::*;
use crate::tone::Palette;

fn scene() -> Scene {
    Scene {
        address: ([127, 0, 0, 1], 41234).into(),
        trusted: None,
        admin: Some(([127, 0, 0, 1], 9900).into()),
        algorithm: "least-request",
        workers: 2,
        target_rate: 500.0,
        duration: None,
    }
}

/// The third endpoint is down, and something happened.
fn picture() -> Picture {
    let mut sample = sample(12_400);
    sample.endpoints[2].state = EndpointState::Down;
    sample.endpoints[2].reason = Some("connection refused (3 of 3)".to_owned());
    sample.endpoints[3].failures = 12;
    let (mut history, mut story) = (History::default(), Story::default());
    (1..=300).for_each(|second| {
        history.follow(&Sample { at: Duration::from_secs(second), ..sample.clone() });
    });
    for tenths in 0..20 {
        let at = Duration::from_millis(tenths * 100);
        story.tell(at, EventKind::Killed, Some(2), format!("event {tenths}"));
    }
    Picture::new(&scene(), &sample, &history, &story)
}

fn drawn(width: u16, height: u16, has_colour: bool) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| picture().draw(frame, Palette::new(has_colour))).unwrap();
    terminal.backend().clone()
}

/// The lines of the screen without the blanks at their ends.
fn lines(width: u16, height: u16) -> Vec<String> {
    let backend = drawn(width, height, true);
    let cells = backend.buffer().content().chunks(usize::from(width));
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    };
    cells.map(line).collect()
}

#[test]
fn eighty_by_twenty_four_shows_everything() {
    let expected = [
        " evenkeel demo  least-request, 2 workers                                 12.4 s",
        " try  curl http://127.0.0.1:41234/                 admin http://127.0.0.1:9900/",
        "",
        " requests 4,980     rate 498/s   p50 5.31 ms p99 62.0 ms errors 12    lost 0",
        "",
        " endpoint state  share                   req/s in flight     p50     p99 failed",
        " A good   ● up   ██████          40.0 %    200         1 5.12 ms 21.0 ms      0",
        " B good   ● up   ████▌           30.0 %    150         1 5.12 ms 21.0 ms      0",
        " C slow   ✗ down connection refused (3 of 3)           1 5.12 ms 21.0 ms      0",
        " D flaky  ● up   ███             20.0 %    100         1 5.12 ms 21.0 ms     12",
        "",
        " requests/s                    peak 498   p99 of each second       peak 62.0 ms",
        " ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁   █████████████████████████████████████",
        " ██████████████████████████████████████   █████████████████████████████████████",
        " ██████████████████████████████████████   █████████████████████████████████████",
        " ██████████████████████████████████████   █████████████████████████████████████",
        "",
        "    1.4 s  event 14",
        "    1.5 s  event 15",
        "    1.6 s  event 16",
        "    1.7 s  event 17",
        "    1.8 s  event 18",
        "    1.9 s  event 19",
        " k kill or revive    s change the pace of the slow one    q quit",
    ];
    assert_eq!(lines(80, 24), expected);
}

#[test]
fn every_number_of_a_column_ends_where_its_title_ends() {
    for width in [80, 100, 120, 200] {
        let lines = lines(width, 30);
        let end = |line: &str, word: &str| {
            let end = line.find(word).unwrap() + word.len();
            line[..end].chars().count()
        };
        let line = |start: &str| lines.iter().find(|line| line.starts_with(start)).unwrap();
        let (heading, row) = (line(" endpoint"), line(" A good"));
        for (title, value) in [("req/s", " 200"), ("p50", "5.12 ms"), ("p99", "21.0 ms")] {
            assert_eq!(end(heading, title), end(row, value), "{title} at {width}: {lines:#?}");
        }
    }
}

#[test]
fn the_smaller_the_screen_the_less_is_drawn_but_never_the_table() {
    for (height, has_hint, has_charts) in
        [(35, true, true), (18, true, true), (12, true, false), (10, false, false)]
    {
        let lines = lines(80, height);
        let has = |word: &str| lines.iter().any(|line| line.contains(word));
        assert!(has(" A good") && has(" D flaky") && has(" rate 498/s"), "{lines:#?}");
        assert_eq!((has("curl"), has("p99 of each second")), (has_hint, has_charts), "{lines:#?}");
        assert!(has("event 19"), "the newest event has a place: {lines:#?}");
    }
}

#[test]
fn a_narrow_screen_keeps_states_and_shares() {
    for (width, has_rate) in [(60, true), (45, false)] {
        let lines = lines(width, 16);
        let row = lines.iter().find(|line| line.contains("A good")).unwrap();
        assert!(row.contains("● up") && row.contains("40.0 %"), "{lines:#?}");
        assert_eq!(row.contains(" 200"), has_rate, "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("admin")), "{lines:#?}");
    }
}

#[test]
fn no_size_is_too_small_to_draw() {
    for width in [1, 2, 10, 40, 60, 79, 300] {
        for height in 1..12 {
            lines(width, height);
        }
    }
}

#[test]
fn without_colour_there_is_none() {
    let coloured = |backend: &TestBackend| {
        backend.buffer().content().iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(coloured(&drawn(80, 24, true)) > 50);
    assert_eq!(coloured(&drawn(80, 24, false)), 0);
}

#[test]
fn bars_are_exact_to_an_eighth() {
    assert_eq!(bar(0.0, 10), "");
    assert_eq!(bar(1.0, 4), "████");
    assert_eq!(bar(0.5, 3), "█▌");
    assert_eq!(bar(0.01, 10), "▏");
    assert_eq!(bar(7.0, 2), "██");
}

#[test]
fn nothing_lost_is_good_and_something_is_bad() {
    let tone = |lost| figures(&Sample { lost, ..sample(0) }).pop().map(|figure| figure.tone);
    assert_eq!(tone(0), Some(Tone::Good));
    assert_eq!(tone(1), Some(Tone::Bad));
}
