//! The report as JSON: every round, not only the medians.

use serde_json::{Map, Value, json};

use super::Report;
use crate::bench::contender::Contender;
use crate::bench::rounds::{Round, Rounds};

pub(super) fn write(report: &Report) -> Value {
    let cases = report.cases.iter().map(|(case, results)| {
        let results: Vec<Value> = results.iter().map(rounds_json).collect();
        json!({ "case": case.title(), "results": results })
    });
    json!({
        "protocol": report.protocol,
        "terms": report.terms,
        "date": report.date,
        "machine": report.machine,
        "versions": by_contender(&report.versions, |version| json!(version)),
        "faults": report.faults,
        "cases": cases.collect::<Vec<_>>(),
        "syscalls_per_answer": by_contender(&report.syscalls, |calls| json!(calls)),
        "bytes_per_idle_connection": by_contender(&report.idle_bytes, |bytes| json!(bytes)),
    })
}

fn by_contender<T>(entries: &[(Contender, T)], value: impl Fn(&T) -> Value) -> Map<String, Value> {
    entries.iter().map(|(name, entry)| (name.to_string(), value(entry))).collect()
}

fn rounds_json(rounds: &Rounds) -> Value {
    let cpu = rounds.summary(Round::cpu_us);
    json!({
        "contender": rounds.contender.to_string(),
        "cpu_us_per_answer": cpu.map(|cpu| json!({
            "median": cpu.median, "min": cpu.min, "max": cpu.max,
        })),
        "rounds": rounds.all.iter().map(round_json).collect::<Vec<_>>(),
    })
}

fn round_json(round: &Round) -> Value {
    json!({
        "answers": round.answers,
        "user_us": round.user_us,
        "system_us": round.system_us,
        "answers_per_second": round.answers_per_second,
        "p99_ms": round.p99_ms,
        "fault": round.fault,
    })
}
