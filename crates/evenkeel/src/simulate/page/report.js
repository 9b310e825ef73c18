// Puts the page together from the figures that it carries. Begins everything; the other modules draw.

import { byId, element } from "dashboard/dom.js";
import { Charts } from "simulate/charts.js";
import { all } from "simulate/plot.js";
import { results } from "simulate/results.js";
import { Shares } from "simulate/shares.js";

/** On a linear axis the usual would lie on the ground if something takes so many times as long. */
const WIDE = 12;

const report = JSON.parse(byId("data").textContent);

/** What the reader has chosen to see. */
const view = {
  shown: new Set(all(report).map(({ algorithm }) => algorithm)),
  quantile: "p99",
  log: spread(report) > WIDE,
};

byId("title").textContent = report.story ?? report.facts.slice(0, 4).join(", ");
byId("kind").textContent =
  report.scenario ?? (report.cluster ? `Cluster ${report.cluster}` : "What was simulated");
document.title = `Evenkeel: ${report.scenario ?? report.cluster ?? "a simulation"}`;
byId("givens").append(...report.facts.map((fact) => element("li", "", fact)));
if (report.measured)
  byId("givens").append(element("li", "", `measured at ${report.measured.url}`));
byId("happenings").append(...report.events.map(happening));
if (report.recommendation) {
  byId("advice").hidden = false;
  byId("best").textContent = report.recommendation.algorithm;
  byId("because").textContent = sentence(report.recommendation);
}

const charts = new Charts(report, view);
const shares = new Shares(report, view);
byId("results").replaceChildren(
  ...results(report, view, () => {
    charts.redraw();
    shares.choose();
  }),
);
byId("quantiles").append(...["p50", "p99", "mean"].map(quantileChip));
const log = byId("log");
log.setAttribute("aria-pressed", view.log);
log.addEventListener("click", () => {
  view.log = !view.log;
  log.setAttribute("aria-pressed", view.log);
  charts.redraw();
});
// A canvas does not follow when the colours change.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  charts.redraw();
  shares.redraw();
});

function happening({ from, until, words }) {
  const when = from === until ? `at ${round(from)} s` : `${round(from)} – ${round(until)} s`;
  return element("li", "", element("span", "when", when), element("span", "", words));
}

/** Without the name, which stands above it. */
function sentence({ algorithm, because }) {
  const reason = because.replace(`${algorithm}: `, "");
  // `p99` is no word.
  return reason.startsWith("p99") ? reason : reason[0].toUpperCase() + reason.slice(1);
}

function quantileChip(name) {
  const chip = element("button", "chip", name);
  chip.type = "button";
  chip.setAttribute("aria-pressed", name === view.quantile);
  chip.addEventListener("click", () => {
    view.quantile = name;
    for (const other of chip.parentElement.children)
      other.setAttribute("aria-pressed", other === chip);
    charts.redraw();
  });
  return chip;
}

/** How many times as long the longest p99 of a moment is as a usual one. */
function spread(report) {
  const times = all(report)
    .flatMap(({ series }) => series.map(({ p99 }) => p99))
    .filter((p99) => p99 > 0);
  times.sort((one, other) => one - other);
  return times.length > 0 ? times.at(-1) / times[Math.floor(times.length / 2)] : 1;
}

function round(seconds) {
  return Number(seconds.toFixed(3));
}
