//! The report as Markdown, fit for `docs/performance.md`.

use super::Report;
use crate::bench::contender::Contender;
use crate::bench::rounds::{Round, Rounds};
use crate::bench::stats::Summary;

pub(super) fn write(report: &Report) -> String {
    let versions: Vec<String> = report
        .versions
        .iter()
        .map(|(contender, version)| format!("{contender} {version}"))
        .collect();
    let mut lines = vec![
        format!("## {}, one worker each, {}", report.protocol, report.date),
        String::new(),
        format!("{}; {}.", report.machine, versions.join(", ")),
    ];
    lines.extend(report.terms.into_iter().flat_map(|terms| [String::new(), terms.to_owned()]));
    for (case, results) in &report.cases {
        lines.extend([String::new(), format!("### {}", case.title()), String::new()]);
        lines.extend(case_table(results));
    }
    if !report.syscalls.is_empty() {
        lines.extend(syscall_table(report));
    }
    if !report.idle_bytes.is_empty() {
        lines.extend(memory_table(report));
    }
    for fault in &report.faults {
        lines.extend([String::new(), format!("NOT SOUND: {fault}")]);
    }
    lines.join("\n") + "\n"
}

fn case_table(results: &[Rounds]) -> Vec<String> {
    let mut lines = vec![
        "| | CPU µs per answer (min–max) | user | system | answers/s | p99 ms |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(results.iter().map(case_row));
    let median = |contender| {
        let rounds = results.iter().find(|rounds| rounds.contender == contender)?;
        Some(rounds.summary(Round::cpu_us)?.median)
    };
    if let Some(ours) = median(Contender::Evenkeel) {
        let others = results.iter().map(|rounds| rounds.contender);
        let others = others.filter(|&other| other != Contender::Evenkeel);
        let ratio = |other| Some(format!("Evenkeel / {other} {:.2}", ours / median(other)?));
        let ratios: Vec<String> = others.filter_map(ratio).collect();
        if !ratios.is_empty() {
            lines.extend([String::new(), format!("CPU: {}.", ratios.join(", "))]);
        }
    }
    lines
}

fn case_row(rounds: &Rounds) -> String {
    let median = |value: fn(&Round) -> f64, decimals| {
        let summary = rounds.summary(value);
        summary.map_or("–".to_owned(), |Summary { median, .. }| format!("{median:.decimals$}"))
    };
    let spread = rounds.summary(Round::cpu_us).map_or("–".to_owned(), |cpu| {
        format!("{:.1} ({:.1}–{:.1})", cpu.median, cpu.min, cpu.max)
    });
    format!(
        "| {} | {spread} | {} | {} | {} | {} |",
        rounds.contender,
        median(|round| round.user_us, 1),
        median(|round| round.system_us, 1),
        median(|round| round.answers_per_second, 0),
        median(|round| round.p99_ms, 2),
    )
}

fn syscall_table(report: &Report) -> Vec<String> {
    let mut lines = table("System calls per answer", "calls | of which");
    for (contender, calls) in &report.syscalls {
        let mut by_count: Vec<_> = calls.iter().collect();
        by_count.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let top = by_count.iter().take(6).map(|(name, calls)| format!("{name} {calls:.2}"));
        let top: Vec<String> = top.collect();
        let sum: f64 = calls.values().sum();
        lines.push(format!("| {contender} | {sum:.2} | {} |", top.join(", ")));
    }
    lines
}

fn memory_table(report: &Report) -> Vec<String> {
    let mut lines = table("Memory per idle kept connection", "bytes of the process (PSS) |");
    let rows = report.idle_bytes.iter();
    lines.extend(rows.map(|(contender, bytes)| format!("| {contender} | {bytes:.0} | |")));
    lines
}

fn table(title: &str, columns: &str) -> Vec<String> {
    let head = [String::new(), format!("### {title}"), String::new()];
    head.into_iter().chain([format!("| | {columns} |"), "|---|---|---|".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(contender: Contender, cpu_us: &[f64]) -> Rounds {
        let round = |&user_us: &f64| Round {
            answers: 1,
            user_us,
            system_us: 0.0,
            answers_per_second: 1.0,
            p99_ms: 1.0,
            fault: (user_us > 100.0).then(|| "slow".to_owned()),
        };
        Rounds { contender, all: cpu_us.iter().map(round).collect() }
    }

    #[test]
    fn medians_of_sound_rounds_are_compared() {
        let results = [
            rounds(Contender::Evenkeel, &[12.0, 10.0, 999.0, 11.0]),
            rounds(Contender::Nginx, &[22.0]),
            rounds(Contender::Haproxy, &[999.0]),
        ];
        let table = case_table(&results).join("\n");
        assert!(table.contains("| Evenkeel | 11.0 (10.0–12.0) | 11.0 |"), "{table}");
        assert!(table.contains("| HAProxy | – |"), "{table}");
        assert!(table.ends_with("CPU: Evenkeel / nginx 0.50."), "{table}");
        let alone = case_table(&results[..1]).join("\n");
        assert!(!alone.contains("CPU: "), "{alone}");
    }
}
