// Latency, queues and errors over time: a line for each algorithm that is shown, and one for what was measured. Made and told
// to draw by report.js.

import { byId, colorIn, element } from "dashboard/dom.js";
import * as format from "dashboard/format.js";
import { MEASURED, NO_CHARTS, all, card, options, times } from "simulate/plot.js";

/** All charts of that kind. */
export class Charts {
  #report;
  #view;
  #cards = [];
  #plots = [];

  constructor(report, view) {
    this.#report = report;
    this.#view = view;
    if (typeof uPlot === "undefined") {
      byId("charts").replaceChildren(element("p", "empty", NO_CHARTS));
      return;
    }
    const charts = CHARTS.filter(({ when }) => !when || when(report));
    this.#cards = charts.map((chart) => {
      const made = card(chart.title, chart.note, chart.kind);
      const keys = element("p", "keys");
      if (chart.kind === "wide") made.root.append(keys);
      return { chart, keys, ...made };
    });
    byId("charts").replaceChildren(...this.#cards.map(({ root }) => root));
    new ResizeObserver(() => this.#resize()).observe(byId("charts"));
    this.redraw();
  }

  /** Draws what is to be seen now, in the colours of now. */
  redraw() {
    for (const { plot } of this.#plots) plot.destroy();
    this.#plots = this.#cards.map((made) => ({ ...made, plot: this.#draw(made) }));
  }

  #draw({ chart, body, said, keys }) {
    const { algorithms } = this.#report;
    const runs = (chart.measured ? all(this.#report) : algorithms).filter(({ algorithm }) =>
      this.#view.shown.has(algorithm),
    );
    const value = chart.value(this.#view);
    // What was measured has times of its own.
    const data = uPlot.join([
      [times(algorithms[0])],
      ...runs.map((run) => [times(run), run.series.map(value)]),
    ]);
    const tell = (plot) => {
      const found = nearest(plot, data);
      said.textContent = found
        ? `${runs[found.line].algorithm} ${chart.format(found.value)}`
        : chart.note;
    };
    const isLog = chart.log && this.#view.log;
    const scale = isLog
      ? { distr: 3, log: 10 }
      : { range: (_, __, high) => [0, Math.max((high ?? 0) * 1.1, chart.least)] };
    const base = options(body, this.#report, {
      height: chart.height ?? HEIGHT,
      scale,
      ticks: chart.tick ?? chart.format,
      steps: chart.steps,
      more: { setCursor: [tell] },
    });
    keys.replaceChildren(...runs.map(({ algorithm }) => key(algorithm)));
    const best = this.#report.recommendation?.algorithm;
    const series = runs.map(({ algorithm }) => ({
      label: algorithm,
      stroke: colorIn(body, `line-${algorithm}`),
      width: algorithm === best ? 2.5 : 1.4,
      dash: HASHING.includes(algorithm) ? [5, 4] : undefined,
      points: { show: false },
      ...(algorithm === MEASURED ? { width: 2.5, dash: [0, 5], cap: "round" } : {}),
    }));
    return new uPlot({ ...base, series: [{ label: "Time" }, ...series] }, data, body);
  }

  #resize() {
    for (const { plot, body, chart } of this.#plots) {
      if (plot.width !== body.clientWidth)
        plot.setSize({ width: body.clientWidth, height: chart.height ?? HEIGHT });
    }
  }
}

function key(algorithm) {
  const made = element(
    "span",
    algorithm === MEASURED ? "dotted" : HASHING.includes(algorithm) ? "dashed" : "",
    element("i"),
    algorithm,
  );
  made.style.setProperty("--own", `var(--line-${algorithm})`);
  return made;
}

/** The line that is nearest to the cursor, and its value there; `null` if there is none, or no cursor. */
function nearest(plot, [, ...lines]) {
  const { idxs, top } = plot.cursor;
  if (!idxs || !(top >= 0)) return null;
  const values = lines.map((line, at) => line[idxs[at + 1]]);
  const distances = values.map((value) =>
    Number.isFinite(value) ? Math.abs(plot.valToPos(value, "y") - top) : Infinity,
  );
  const least = Math.min(...distances);
  const line = distances.indexOf(least);
  return Number.isFinite(least) ? { line, value: values[line] } : null;
}

/** Nobody has half a request. */
const WHOLE = [1, 2, 5]
  .flatMap((step) => [0, 1, 2, 3, 4, 5].map((power) => step * 10 ** power))
  .sort((one, other) => one - other);

const CHARTS = [
  {
    title: "Latency",
    note: "of the requests that arrived at that time",
    kind: "wide",
    height: 280,
    log: true,
    measured: true,
    least: 0.001,
    value:
      ({ quantile, log }) =>
      (point) =>
        log && !(point[quantile] > 0) ? null : point[quantile],
    format: format.latency,
    tick: format.shortLatency,
  },
  {
    title: "In flight",
    note: "requests that are not answered yet",
    least: 2,
    steps: WHOLE,
    value: () => (point) => point.in_flight,
    format: format.count,
  },
  {
    title: "Waiting",
    note: "requests in the endpoints’ queues",
    least: 2,
    steps: WHOLE,
    value: () => (point) => point.waiting,
    format: format.count,
  },
  {
    title: "Errors",
    note: "share of requests",
    least: 0.01,
    measured: true,
    when: (report) => all(report).some(({ errors }) => errors > 0),
    value: () => (point) => (point.requests > 0 ? point.errors / point.requests : null),
    format: format.share,
  },
];

/** Drawn with dashes: they are much alike. */
const HASHING = ["client-ip", "ring-hash", "maglev", "rendezvous"];

/** In CSS pixels. */
const HEIGHT = 180;
