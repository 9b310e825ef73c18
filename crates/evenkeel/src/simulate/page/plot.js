// What all charts have in common: axes, colours, and bands where something happens. Asked by charts.js, shares.js, results.js
// and report.js.

import { colorIn, element } from "dashboard/dom.js";
import * as format from "dashboard/format.js";

/** The options of a chart within `body`, to which a caller adds its series. */
export function options(body, report, { height, scale, ticks, steps, more = {} }) {
  const axis = {
    stroke: colorIn(body, "muted"),
    grid: { stroke: colorIn(body, "grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: body.clientWidth || 300,
    height,
    padding: [report.events.length > 0 ? 18 : 10, 16, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "simulation" },
      drag: { x: false, y: false },
      points: { size: 6 },
      y: false,
    },
    scales: { x: { time: false, range: [0, report.seconds] }, y: scale },
    axes: [
      {
        ...axis,
        space: 60,
        size: 26,
        values: (_, at) => at.map((second) => `${format.count(second)} s`),
      },
      {
        ...axis,
        size: 58,
        space: 30,
        incrs: steps,
        values: (_, at) => at.map((tick) => (tick === null ? "" : ticks(tick))),
      },
    ],
    hooks: {
      drawClear: [(plot) => bands(plot, body, report.events)],
      draw: [(plot) => edges(plot, body, report.events)],
      ...more,
    },
  };
}

/** Marks when something happens, behind the lines, and says what above them. */
function bands(plot, body, events) {
  const { ctx, bbox } = plot;
  const [fill, text] = ["band", "warn"].map((name) => colorIn(body, name));
  let free = 0;
  ctx.save();
  ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  for (const { from, until, event } of events) {
    const [left, right] = [from, until].map((second) => plot.valToPos(second, "x", true));
    ctx.fillStyle = fill;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    const label = event.split("@")[0].split("=")[0];
    // Where two begin together the first one speaks.
    if (left < free) continue;
    ctx.fillStyle = text;
    ctx.fillText(label, left, bbox.top - 3 * devicePixelRatio);
    free = left + ctx.measureText(`${label}  `).width;
  }
  ctx.restore();
}

/** Marks where it begins and ends, over the lines. */
function edges(plot, body, events) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colorIn(body, "band-edge");
  for (const second of events.flatMap(({ from, until }) => [from, until])) {
    ctx.fillRect(plot.valToPos(second, "x", true), bbox.top, devicePixelRatio, bbox.height);
  }
  ctx.restore();
}

/** An empty chart: its place, and where it is drawn. */
export function card(title, note, kind = "") {
  const body = element("div", "plot");
  const said = element("small", "", note);
  const heading = element("h3", "", element("span", "", title), said);
  return {
    root: element("figure", `card chart ${kind}`.trim(), heading, body),
    body,
    heading,
    said,
  };
}

/** The middle of each step. */
export function times({ series, step }) {
  return series.map(({ at }) => at + step / 2);
}

/** The run under each algorithm, and last what was measured, if anything was. */
export function all({ algorithms, measured }) {
  return measured ? [...algorithms, { algorithm: MEASURED, ...measured }] : algorithms;
}

/** What stands where other runs have their algorithm. */
export const MEASURED = "measured";

export const NO_CHARTS = "This build has no charts: uPlot was not to be had when it was made.";
