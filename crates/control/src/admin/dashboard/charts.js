// The three charts, drawn by uPlot if it is part of this build. Made by app.js, fed after each status.

import { byId, colorIn, element } from "./dom.js";
import * as format from "./format.js";
import { CHART_SECONDS } from "./history.js";
import { CLASSES } from "./rates.js";

/** Draws `chart` of a History, again and again. */
export class Charts {
  #history;
  #plots = [];

  constructor(history) {
    this.#history = history;
    if (typeof uPlot === "undefined") {
      byId("charts").replaceChildren(element("p", "empty", NO_CHARTS));
      return;
    }
    this.#cards = CHARTS.map((chart) => ({ chart, ...card(chart) }));
    byId("charts").replaceChildren(...this.#cards.map(({ root }) => root));
    new ResizeObserver(() => this.#resize()).observe(byId("charts"));
    this.redraw();
  }

  #cards = [];

  /** Draws what there is now. */
  update() {
    for (const { plot, chart } of this.#plots) plot.setData(chart.data(this.#history.chart));
  }

  /** Begins anew, in the colours of now. */
  redraw() {
    for (const { plot } of this.#plots) plot.destroy();
    this.#plots = this.#cards.map(({ chart, body }) => {
      const data = chart.data(this.#history.chart);
      return {
        chart,
        body,
        plot: new uPlot(options(chart, body, this.#history.chart), data, body),
      };
    });
  }

  #resize() {
    for (const { plot, body } of this.#plots) {
      if (plot.width !== body.clientWidth)
        plot.setSize({ width: body.clientWidth, height: HEIGHT });
    }
  }
}

function card({ title, note }) {
  const body = element("div", "plot");
  const heading = element("h3", "", title, element("small", "", note));
  return { root: element("figure", "card chart", heading, body), body };
}

function options(chart, body, history) {
  const color = (name) => colorIn(body, name);
  const axis = {
    stroke: color("muted"),
    grid: { stroke: color("grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: body.clientWidth || 300,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    cursor: { sync: { key: "evenkeel" }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { range: (_, low, high) => span(low, high) },
      y: { range: (_, low, high) => [0, Math.max(high * 1.1, chart.least) || chart.least] },
    },
    axes: [
      {
        ...axis,
        space: 70,
        size: 26,
        values: [
          [60, "{HH}:{mm}"],
          [1, "{HH}:{mm}:{ss}"],
        ],
      },
      {
        ...axis,
        size: 58,
        space: 34,
        incrs: chart.steps,
        values: (_, ticks) => ticks.map(chart.tick ?? chart.format),
      },
    ],
    bands: chart.bands ?? [],
    series: [
      { label: "Time", value: (_, at) => (at === null ? format.NONE : format.time(at)) },
      ...chart.series.map(({ label, stroke, fill, dash }, position) => ({
        label,
        stroke: color(stroke),
        fill: fill ? color(`${stroke}-fill`) : undefined,
        dash,
        width: 1.5,
        points: { show: false },
        // What was measured, which is not what is drawn where areas stand on each other.
        value: (_, __, ___, index) =>
          chart.format(at(chart.measured(history)[position], index), history.lowest),
      })),
    ],
  };
}

/** At the cursor, or the latest. */
const at = (list, index) => list[index ?? list.length - 1] ?? NaN;

/** The time axis grows with what is known, up to what is kept. */
function span(low, high) {
  const end = high ?? Date.now() / 1000;
  return [Math.max(end - CHART_SECONDS, Math.min(low ?? end, end - LEAST_SECONDS)), end];
}

/** Each class on top of those before it; the sum of all is drawn first, so that the others lie over it. */
function stacked(lists) {
  const sums = [];
  for (const list of lists) {
    const below = sums.at(-1);
    sums.push(
      list.map((value, index) => (value === null ? null : value + (below ? below[index] : 0))),
    );
  }
  return sums.reverse();
}

const CHARTS = [
  {
    title: "Requests",
    note: "per second, by status",
    series: [...CLASSES]
      .reverse()
      .map((name) => ({ label: name, stroke: `class-${name}`, fill: true })),
    bands: [{ series: [1, 2] }, { series: [2, 3] }, { series: [3, 4] }],
    data: ({ times, classes }) => [times, ...stacked(classes)],
    measured: ({ classes }) => [...classes].reverse(),
    format: format.number,
    least: 1,
  },
  {
    title: "Latency",
    note: "until an endpoint’s answer begins",
    series: [
      { label: "p99", stroke: "line-3", dash: [2, 3] },
      { label: "p90", stroke: "line-2", dash: [6, 3] },
      { label: "p50", stroke: "line-1" },
    ],
    data: ({ times, quantiles }) => [times, ...[...quantiles].reverse()],
    measured: ({ quantiles }) => [...quantiles].reverse(),
    format: format.quantile,
    tick: format.shortLatency,
    least: 0.001,
  },
  {
    title: "In flight",
    note: "requests at the endpoints",
    series: [{ label: "In flight", stroke: "line-1", fill: true }],
    data: ({ times, inFlight }) => [times, inFlight],
    measured: ({ inFlight }) => [inFlight],
    format: format.count,
    // Nobody has half a request.
    steps: [1, 2, 5]
      .flatMap((step) => [0, 1, 2, 3, 4, 5].map((power) => step * 10 ** power))
      .sort((a, b) => a - b),
    least: 2,
  },
];

const NO_CHARTS = "This build has no charts: uPlot was not to be had when it was made.";

/** In CSS pixels. */
const HEIGHT = 170;

/** So that the first seconds do not fill the whole width. */
const LEAST_SECONDS = 60;
