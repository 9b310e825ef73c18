// What all charts have in common: axes, colours, and bands where something happens. Asked by charts.js and shares.js.

import { element } from "dashboard/dom.js";
import * as format from "dashboard/format.js";

/** The options of a chart within `body`, to which a caller adds its series. */
export function options(body, report, { height, scale, ticks, more = {} }) {
  const axis = {
    stroke: colorIn(body, "muted"),
    grid: { stroke: colorIn(body, "grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: body.clientWidth || 300,
    height,
    padding: [10, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "simulation" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
    scales: { x: { time: false, range: [0, report.seconds] }, y: scale },
    axes: [
      { ...axis, space: 60, size: 26, values: (_, at) => at.map((second) => `${format.count(second)} s`) },
      { ...axis, size: 58, space: 30, values: (_, at) => at.map((tick) => (tick === null ? "" : ticks(tick))) },
    ],
    hooks: { drawClear: [(plot) => bands(plot, body, report.events)], ...more },
  };
}

/** Marks when something happens, behind the lines. */
function bands(plot, body, events) {
  const { ctx, bbox } = plot;
  const [fill, edge, text] = ["band", "band-edge", "muted"].map((name) => colorIn(body, name));
  ctx.save();
  for (const { from, until, event } of events) {
    const [left, right] = [from, until].map((second) => plot.valToPos(second, "x", true));
    ctx.fillStyle = fill;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = edge;
    ctx.fillRect(left, bbox.top, devicePixelRatio, bbox.height);
    if (events.length > LABELS_MAX) continue;
    ctx.fillStyle = text;
    ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    ctx.fillText(event.split("@")[0].split("=")[0], left + 4 * devicePixelRatio, bbox.top + 3 * devicePixelRatio);
  }
  ctx.restore();
}

/** A colour of the style sheet as it is now: a canvas knows neither variables nor themes. */
export function colorIn(place, name) {
  const probe = element("span");
  probe.style.color = `var(--${name})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** An empty chart: its place, and where it is drawn. */
export function card(title, note, kind = "") {
  const body = element("div", "plot");
  const heading = element("h3", "", title, element("small", "", note));
  return { root: element("figure", `card chart ${kind}`.trim(), heading, body), body, heading };
}

/** The middle of each step. */
export function times({ series, step }) {
  return series.map(({ at }) => at + step / 2);
}

export const NO_CHARTS = "This build has no charts: uPlot was not to be had when it was made.";

/** More would lie over each other. */
const LABELS_MAX = 3;
