//! `evenkeel simulate` as people and pipelines use it: what it prints, how it ends, and that equal seeds give equal bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use evenkeel_testkit::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{BINARY, Ended, MEASURED, end, in_new_directory, run};

const WRONG_USAGE: i32 = 2;
const CONFIG: i32 = 78;

fn simulate(words: &[&str]) -> Ended {
    run(&[&["simulate"], words].concat())
}

fn started(command: &mut Command) -> Ended {
    end(Process::spawn(command).unwrap())
}

fn json(words: &[&str]) -> Value {
    let ended = simulate(&[words, &["--json", "-"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&ended.stdout).unwrap()
}

/// What is printed on a terminal that is so wide.
fn printed(columns: &str, words: &[&str]) -> String {
    let ended = started(Command::new(BINARY).arg("simulate").args(words).env("COLUMNS", columns));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

/// The names of all scenarios, as `--list` has them.
fn scenarios() -> Vec<String> {
    let list = simulate(&["--list"]).stdout;
    let names = list.lines().filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_named_scenario_ends_in_a_recommendation() {
    let names = scenarios();
    assert_eq!(names.len(), 13, "{names:?}");
    for name in names {
        // Some of them are about tens of thousands of requests, or last for hours.
        let report = json(&[&name, "--algorithms", "peak-ewma,round-robin,maglev"]);
        assert_eq!(report["scenario"], name.as_str());
        let advice = &report["recommendation"];
        let (algorithm, because) =
            (advice["algorithm"].as_str().unwrap(), advice["because"].as_str().unwrap());
        assert!(because.starts_with(&format!("{algorithm}: ")), "{because}");
    }
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_does_not() {
    let line = |seed: &'static str| ["dead-node", "--seconds", "12", "--json", "-", "--seed", seed];
    let first = simulate(&line("7")).stdout;
    assert_eq!(first, simulate(&line("7")).stdout);
    assert_ne!(first, simulate(&line("8")).stdout);
    let folder = TempDir::new().unwrap();
    let page = |name: &str| {
        let file = folder.path().join(name);
        let words = ["api", "--seconds", "2", "--html", file.to_str().unwrap()];
        assert_eq!(simulate(&words).code, Some(0));
        fs::read(file).unwrap()
    };
    assert_eq!(page("one.html"), page("two.html"));
}

#[test]
fn what_is_asserted_decides_the_exit_code() {
    let slow = |assertions: &[&str]| {
        let words = assertions.iter().flat_map(|each| ["--assert", each]);
        let line = ["slow-node", "--algorithms", "peak-ewma,round-robin"];
        simulate(&line.into_iter().chain(words).collect::<Vec<_>>())
    };
    let good = slow(&["errors<1%", "peak-ewma:p99<500ms", "round-robin:max>1s", "mean<1s"]);
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""));
    let bad = slow(&["p99<500ms", "errors<1%", "share(s2)<1%"]);
    assert_eq!(bad.code, Some(1));
    let lines: Vec<&str> = bad.stderr.lines().collect();
    assert_eq!(lines[0], "error: 2 assertions do not hold");
    assert!(lines[1].starts_with("  p99<500ms: ") && lines[1].ends_with(" s with round-robin"));
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(bad.stdout.contains("Recommended"), "the table is there all the same");
}

#[test]
fn a_broken_assertion_is_in_the_json_too() {
    let line = ["--seconds", "5", "--algorithms", "random,maglev", "--json", "-"];
    let ended = simulate(&[&line[..], &["--assert", "p50>1h", "--assert", "errors<1%"]].concat());
    assert_eq!(ended.code, Some(1));
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = serde_json::json!([
        { "assertion": "p50>1h", "holds": false, "broken_by": ["random", "maglev"] },
        { "assertion": "errors<1%", "holds": true, "broken_by": [] },
    ]);
    assert_eq!(report["assertions"], expected);
}

#[test]
fn the_json_has_a_part_for_each_algorithm_with_shares_and_a_series() {
    let report =
        json(&["--endpoints", "b,a*3", "--seconds", "12", "--event", "kill b@6s", "--seed", "3"]);
    assert_eq!(
        (&report["scenario"], &report["seed"], &report["seconds"]),
        (&Value::Null, &3.into(), &12.0.into())
    );
    assert_eq!(report["endpoints"][1]["weight"], 3);
    assert_eq!(report["events"][0]["event"], "kill b@6s");
    let runs = report["algorithms"].as_array().unwrap();
    assert!(runs.len() >= 9, "{}", runs.len());
    for run in runs {
        let shares = run["share"].as_object().unwrap();
        let sum: f64 = shares.values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let series = run["series"].as_array().unwrap();
        let count = |field: &str| series.iter().filter_map(|it| it[field].as_u64()).sum::<u64>();
        assert_eq!(Some(count("requests")), run["requests"].as_u64());
        let errors = run["errors"].as_f64().unwrap() * run["requests"].as_f64().unwrap();
        assert!((count("errors") as f64 - errors).abs() < 1e-6);
        let [p50, p99] = ["p50", "p99"].map(|field| run[field].as_f64().unwrap());
        assert!(0.0 < p50 && p50 < p99 && p99 < 60.0, "{p50} {p99}");
    }
}

#[test]
fn a_load_is_a_share_of_what_the_endpoints_can_do() {
    let load = |words: &[&str]| {
        let quick = ["--seconds", "1", "--algorithms", "random"];
        json(&[words, &quick].concat())["load"].as_f64()
    };
    let near = |load: Option<f64>, wanted: f64| (load.unwrap() - wanted).abs() < 1e-9;
    assert!(near(load(&[]), 0.6));
    assert!(near(load(&["--load", "80%", "--endpoints", "a,b,!c", "--speeds", "1,3,9"]), 0.8));
    assert!(near(load(&["--rps", "100", "--concurrency", "4", "--service", "fixed:10ms"]), 0.05));
    assert!(near(load(&["--load", "150%", "--speeds", "0.5,0.5"]), 1.5));
    assert_eq!(load(&["--rps", "10", "--concurrency", "any"]), None);
    // Where there is no such share, something comes all the same.
    for words in [["--endpoints", "a*0"], ["--endpoints", "!a"], ["--service", "fixed:0s"]] {
        assert!(load(&words).is_none_or(|load| load == 0.0), "{words:?}");
    }
}

#[test]
fn a_narrow_terminal_gets_fewer_columns_and_none_gets_colours() {
    for columns in ["60", "80"] {
        let text = printed(columns, &["black-hole"]);
        let width = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(width <= columns.parse().unwrap(), "{width}\n{text}");
        assert!(
            text.contains("p99") && text.contains("errors") && text.contains("share"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let (narrow, wide) = (printed("80", &["black-hole"]), printed("160", &["black-hole"]));
    assert!(!narrow.contains("recover") && wide.contains("recover"), "{narrow}{wide}");
    // Where clients should stay, that is what matters.
    assert!(printed("80", &["cart"]).contains("moved"));
}

#[test]
fn the_table_says_what_happens_and_what_to_use() {
    let text = printed("100", &["--event", "slow s2@10s..20s=x8", "--event", "kill s1@5s"]);
    assert!(
        text.contains("  from 5 s      s1 is dead\n  10 s to 20 s  s2 takes 8 times as long\n"),
        "{text}"
    );
    assert!(text.contains("\nRecommended: "), "{text}");
    assert_eq!(text.matches('▸').count(), 1, "{text}");
}

#[test]
fn wrong_usage_says_what_is_right() {
    for (line, said) in [
        (&["slow-nod"][..], "'slow-node'"),
        (&["--algorithms", "fastest"], "peak-ewma"),
        (&["--event", "slow s2"], "such as `slow s2@10s..20s=x8`"),
        (&["--event", "kill s9@1s"], "there is no endpoint `s9`"),
        (&["--service", "exp:10"], "such as `exp:10ms`"),
        (&["--speeds", "1,2", "--endpoints", "3"], "--speeds has 2 values"),
        (&["--concurrency", "any", "--load", "80%"], "--rps"),
        (&["--endpoints", "!a", "--load", "80%"], "--rps"),
        (&["--load", "80"], "`80%`"),
        (&["--assert", "p99=1s"], "`p99<200ms`"),
        (&["--assert", "errors<1"], "`1%`"),
        (&["slow-node", "--seconds", "8"], "begins when nobody asks any more"),
        (&["--rps", "-5"], "does not start with a number"),
        (&["--resilience", "hedge"], "`full`"),
        (&["--assert", "share(s9)<1%"], "no endpoint `s9`"),
        (&["--assert", "maglev:p99<1s", "--algorithms", "random"], "maglev does not run"),
        (&["--rps", "1", "--load", "1%"], "cannot be used with"),
        (&["--cluster", "api"], "--config"),
    ] {
        let ended = simulate(line);
        assert_eq!(ended.code, Some(WRONG_USAGE), "{line:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{line:?}: {}", ended.stderr);
    }
}

#[test]
fn a_config_gives_endpoints_weights_and_health_checks() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let one = file("one.toml", ONE);
    let report = json(&["-c", &one, "--seconds", "5", "--algorithms", "round-robin"]);
    assert_eq!(report["cluster"], "api");
    let share = |name: &str| report["algorithms"][0]["share"][name].as_f64().unwrap();
    assert!((share("10.0.0.2:80") - 0.75).abs() < 0.01, "{}", report["algorithms"][0]["share"]);
    assert_eq!(share("10.0.0.3:80"), 0.0, "a backup");
    let two = file("two.toml", &format!("{ONE}[cluster.web]\nendpoints = ['10.0.0.9:80']\n"));
    let ended = simulate(&["-c", &two]);
    assert_eq!(ended.code, Some(WRONG_USAGE));
    assert!(ended.stderr.contains("--cluster: api, web"), "{}", ended.stderr);
    assert_eq!(simulate(&["-c", &two, "--cluster", "web", "--seconds", "5"]).code, Some(0));
    let broken = simulate(&["-c", &file("broken.toml", "[listener.web]\nbid = ':80'\n")]);
    assert_eq!(broken.code, Some(CONFIG), "{}", broken.stderr);
    assert_eq!(simulate(&["-c", "/nowhere/at.all"]).code, Some(CONFIG));
}

/// A request over HTTP/2 was simulated as if it had a connection to itself.
#[test]
fn a_limit_of_connections_bounds_requests_unless_many_are_on_one() {
    let folder = TempDir::new().unwrap();
    for (keys, bound) in [
        ("limits = { connections = 7 }", Some("each gets 7 at most")),
        ("limits = { connections = 7 }\nhttp = '2'", None),
        ("limits = { connections = 7, requests = 9 }\nhttp = '2'", Some("each gets 9 at most")),
    ] {
        let file = folder.path().join("limited.toml");
        fs::write(&file, format!("{ONE}{keys}\n")).unwrap();
        let page = printed("200", &["-c", file.to_str().unwrap(), "--seconds", "2"]);
        assert_eq!(page.contains("each gets"), bound.is_some(), "{keys}: {page}");
        assert!(page.contains(bound.unwrap_or_default()), "{keys}: {page}");
    }
}

#[test]
fn a_log_is_replayed_and_what_cannot_be_read_or_written_is_a_failure() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("access.log");
    let line = |number: u32| {
        let (second, client) = (number % 60, number % 7);
        format!(
            "{{\"timestamp\":\"2026-11-21T09:40:{second:02}.000Z\",\"client.address\":\"10.0.0.{client}\"}}\n"
        )
    };
    fs::write(&log, (0..600).map(line).collect::<String>()).unwrap();
    let words = ["--replay", log.to_str().unwrap(), "--algorithms", "client-ip,round-robin"];
    let report = json(&words);
    let runs = report["algorithms"].as_array().unwrap();
    assert!(runs.iter().all(|run| run["requests"] == 600), "{runs:?}");
    assert_eq!((&runs[0]["algorithm"], &runs[0]["keys_moved"]), (&"client-ip".into(), &0.0.into()));
    assert!(runs[1]["keys_moved"].as_f64().unwrap() > 0.5);
    fs::write(&log, line(1) + "what\n").unwrap();
    let ended = simulate(&words);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("access.log:2: it is neither"), "{}", ended.stderr);
    let nowhere = folder.path().join("none").join("at.all");
    for option in ["--json", "--html", "--replay", "--measured"] {
        let ended = simulate(&["--seconds", "1", option, nowhere.to_str().unwrap()]);
        assert_eq!(ended.code, Some(1), "{option}");
        assert!(ended.stderr.contains("at.all"), "{}", ended.stderr);
    }
}

#[test]
fn what_was_measured_stands_beside_what_is_simulated() {
    let (_folder, file) = in_new_directory("real.json").unwrap();
    fs::write(&file, MEASURED).unwrap();
    let line = ["slow-node", "--algorithms", "peak-ewma,random", "--measured", &file];
    let text = printed("160", &line);
    assert!(text.contains("\nmeasured at http://127.0.0.1:8080/: 7,000 requests\n"), "{text}");
    let row: Vec<&str> = text.lines().find(|line| line.starts_with("  measured ")).unwrap()[2..]
        .split("  ")
        .filter(|cell| !cell.is_empty())
        .map(str::trim)
        .collect();
    assert_eq!(row[..6], ["measured", "30.0 ms", "20.0 ms", "200 ms", "400 ms", "1.0 %"], "{text}");
    assert_eq!(row.last(), Some(&"29 7 22 22 21"), "{text}");

    let report = json(&line);
    let measured = &report["measured"];
    assert_eq!((&measured["requests"], &measured["answered"]), (&7000.into(), &6930.into()));
    assert_eq!((&measured["p999"], &measured["errors"]), (&0.4.into(), &0.01.into()));
    assert_eq!(measured["share"]["s1"], 2000.0 / 6940.0);
    assert_eq!(measured["series"][1]["errors"], 70);
    // Percentiles of equally long steps can be compared.
    for run in report["algorithms"].as_array().unwrap() {
        assert_eq!((&run["step"], run["series"].as_array().unwrap().len()), (&10.0.into(), 3));
    }
    let others = json(&["api", "--endpoints", "4", "--seconds", "1", "--measured", &file]);
    assert_eq!(others["measured"]["share"], Value::Null);
    assert_eq!(json(&["--seconds", "1", "--algorithms", "random"])["measured"], Value::Null);
    fs::write(&file, "{}").unwrap();
    let ended = simulate(&line);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("is not what `evenkeel load --json` writes"), "{}", ended.stderr);
}

#[test]
fn the_page_about_it_shows_commands_that_work_and_every_field() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/simulate.md")).unwrap();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("evenkeel.toml"), ONE).unwrap();
    let line = "10.0.0.1 - - [21/Nov/2026:09:40:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n";
    fs::write(folder.path().join("access.log"), line.repeat(50)).unwrap();
    fs::write(folder.path().join("real.json"), MEASURED).unwrap();
    let commands: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("evenkeel simulate")).collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let shell = format!("\"$0\" simulate {command}");
        let ended =
            started(Command::new("sh").args(["-c", &shell, BINARY]).current_dir(folder.path()));
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
    }
    let measured = folder.path().join("real.json");
    let line = ["dead-node", "--seconds", "15", "--algorithms", "random", "--assert", "p50<1s"];
    let report = json(&[&line[..], &["--measured", measured.to_str().unwrap()]].concat());
    let mut names = Vec::new();
    collect_names(&report, &mut names);
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "docs/simulate.md lacks `{name}`");
    }
}

/// The names of all fields; those within `share` are of endpoints.
fn collect_names<'a>(value: &'a Value, names: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                names.push(name);
                if name != "share" {
                    collect_names(value, names);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_names(value, names)),
        _ => {}
    }
}

const ONE: &str = "\
[listener.web]
bind = ':8080'
to = 'api'
[cluster.api]
endpoints = ['10.0.0.1:80', { address = '10.0.0.2:80', weight = 3 }, { address = '10.0.0.3:80', backup = true }]
balance = 'round-robin'
";
