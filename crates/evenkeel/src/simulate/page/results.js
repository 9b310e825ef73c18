// The table of all algorithms and of what was measured: figures, and which of them the charts show. Made by report.js.

import { element } from "dashboard/dom.js";
import * as format from "dashboard/format.js";
import { MEASURED, all } from "simulate/plot.js";

/** The head and the body of the table. `chosen` is called when the reader has chosen otherwise. */
export function results(report, view, chosen) {
  const columns = COLUMNS.filter(({ when }) => !when || when(report));
  const head = element("tr", "", ...columns.map(({ title, kind }) => heading(title, kind)));
  const bests = columns.map(({ rank }) =>
    rank ? Math.min(...report.algorithms.map((run) => rank(run) ?? Infinity)) : null,
  );
  const rows = all(report).map((run) =>
    element(
      "tr",
      run.algorithm === MEASURED ? "measured" : "",
      ...columns.map((column, at) => cell(column, run, bests[at], { report, view, chosen })),
    ),
  );
  return [element("thead", "", head), element("tbody", "", ...rows)];
}

function heading(title, kind) {
  const made = element("th", kind, title);
  made.scope = "col";
  return made;
}

function cell({ kind, show, rank }, run, best, context) {
  // What happened is no better or worse than what was made up.
  const value = run.algorithm === MEASURED ? null : rank?.(run);
  const mark = value === undefined || value === null ? "" : standing(value, best);
  return element("td", `${kind} ${mark}`.trim(), show(run, context));
}

/** The best, up to a twentieth, and what is several times as much. */
function standing(value, best) {
  if (value <= best * 1.05) return "best";
  return value > Math.max(best, 0.0001) * 3 ? "poor" : "";
}

function name({ algorithm }, { report, view, chosen }) {
  const box = element("input");
  box.type = "checkbox";
  box.checked = view.shown.has(algorithm);
  box.addEventListener("change", () => {
    if (box.checked) view.shown.add(algorithm);
    else view.shown.delete(algorithm);
    chosen();
  });
  const label = element("label", "", box, algorithm);
  label.style.setProperty("--own", `var(--line-${algorithm})`);
  if (report.recommendation?.algorithm === algorithm)
    label.append(element("span", "pill good", "best"));
  return label;
}

function bars({ share }, { report }) {
  if (!share) return format.NONE;
  const shares = Object.entries(share);
  const most = Math.max(...all(report).flatMap((run) => Object.values(run.share ?? {})), 1e-9);
  const together = Math.ceil(shares.length / BARS_MAX);
  const groups = Array.from({ length: Math.ceil(shares.length / together) }, (_, at) =>
    shares.slice(at * together, (at + 1) * together),
  );
  const made = element("span", shares.length > 12 ? "bars many" : "bars");
  for (const group of groups) {
    const mean = group.reduce((sum, [, part]) => sum + part, 0) / group.length;
    const bar = element("span", group.some(([who]) => isHit(report, who)) ? "hit" : "");
    bar.style.height = `${(100 * mean) / most}%`;
    if (group.length === 1) bar.title = `${group[0][0]}: ${format.share(mean)}`;
    made.append(bar);
  }
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", spoken(shares));
  return made;
}

function spoken(shares) {
  const told = shares.slice(0, 12).map(([who, part]) => `${who} ${format.share(part)}`);
  return told.join(", ") + (shares.length > told.length ? ", and others" : "");
}

/** Whether something happens to this endpoint, and not to everybody. */
export function isHit({ events }, who) {
  return events.some(({ endpoints }) => endpoints.includes(who));
}

/** A share of which hundredths of a percent matter. */
const small = (share) =>
  share > 0 && share < 0.01 ? `${(share * 100).toFixed(2)} %` : format.share(share);

const time = (field) => ({
  title: field === "p999" ? "p99.9" : field,
  kind: "figure",
  rank: (run) => run[field],
  show: (run) => format.latency(run[field] ?? NaN),
});

const delay = (title, show) => ({
  title,
  kind: "figure",
  when: ({ algorithms }) => algorithms.some(({ afflictions }) => afflictions.length > 0),
  show: (run) => (run.algorithm === MEASURED ? format.NONE : show(run)),
});

const never = (seconds) => (seconds === null ? "never" : `${seconds.toFixed(1)} s`);

const COLUMNS = [
  { title: "Algorithm", kind: "key", show: name },
  ...["mean", "p50", "p99", "p999", "max"].map(time),
  {
    title: "Errors",
    kind: "figure",
    rank: ({ errors }) => errors,
    show: ({ errors }) => small(errors),
  },
  {
    title: "Retries",
    kind: "figure",
    when: ({ algorithms }) => algorithms.some(({ retries }) => retries > 0),
    show: ({ retries }) => format.count(retries),
  },
  { title: "Keys moved", kind: "figure", show: (run) => format.share(run.keys_moved) },
  delay("Noticed", ({ noticed }) => never(noticed)),
  // Who was not avoided has nothing to recover from.
  delay("Recovered", (run) => (run.noticed === null ? format.NONE : never(run.recovered))),
  { title: "Share", kind: "", show: bars },
];

const BARS_MAX = 40;
