// Who got how much over time: a small chart for each algorithm, with the endpoints on top of each other. Made by report.js.

import { byId, colorIn, element } from "dashboard/dom.js";
import * as format from "dashboard/format.js";
import { NO_CHARTS, card, options, times } from "simulate/plot.js";
import { isHit } from "simulate/results.js";

/** The charts of all algorithms. */
export class Shares {
  #report;
  #view;
  #cards = [];

  constructor(report, view) {
    this.#report = report;
    this.#view = view;
    const problem = reasonNotToDraw(report);
    if (problem) {
      byId("shares").replaceChildren(element("p", "empty", problem));
      return;
    }
    byId("shares-hint").textContent = hint(report);
    this.#cards = report.algorithms.map((run) => {
      const made = card(run.algorithm, "");
      made.heading.firstChild.prepend(element("span", "swatch"));
      made.root.style.setProperty("--own", `var(--line-${run.algorithm})`);
      return { run, ...made };
    });
    byId("shares").replaceChildren(...this.#cards.map(({ root }) => root));
    new ResizeObserver(() => this.#resize()).observe(byId("shares"));
    this.redraw();
  }

  /** Shows those that the reader has chosen. */
  choose() {
    for (const { run, root } of this.#cards) root.hidden = !this.#view.shown.has(run.algorithm);
    this.#resize();
  }

  /** Draws all of it in the colours of now. */
  redraw() {
    for (const made of this.#cards) {
      made.plot?.destroy();
      made.plot = this.#draw(made);
    }
  }

  #draw({ run, body, said }) {
    const names = Object.keys(run.share);
    const sums = stacked(run.series);
    const tell = (plot) => {
      const at = plot.cursor.idx;
      const all = at === null || at === undefined ? 0 : sums.at(-1)[at];
      said.textContent = all > 0 ? told(this.#report, names, run.series[at].attempts) : "";
    };
    const base = options(body, this.#report, {
      height: HEIGHT,
      scale: { range: [0, 1] },
      ticks: format.share,
      more: { setCursor: [tell] },
    });
    const edge = colorIn(body, "share-edge");
    // The sum of all is drawn first, so that the others lie over it.
    const series = names.map((name, at) => ({
      label: name,
      stroke: edge,
      width: names.length > 12 ? 0 : 1,
      fill: colorIn(
        body,
        isHit(this.#report, name) ? "share-hit" : at % 2 ? "share-odd" : "share-even",
      ),
      points: { show: false },
    }));
    const all = {
      ...base,
      cursor: { ...base.cursor, points: { show: false } },
      series: [{}, ...series.reverse()],
    };
    return new uPlot(all, [times(run), ...[...sums].reverse()], body);
  }

  #resize() {
    for (const { plot, body } of this.#cards) {
      if (body.clientWidth > 0 && plot.width !== body.clientWidth)
        plot.setSize({ width: body.clientWidth, height: HEIGHT });
    }
  }
}

/** For each endpoint its share and those of the endpoints before it, in each step. */
function stacked(series) {
  const count = series[0].attempts.length;
  const lists = Array.from({ length: count }, () => []);
  for (const { attempts } of series) {
    const all = attempts.reduce((sum, part) => sum + part, 0);
    let sum = 0;
    attempts.forEach((part, at) => {
      sum += part;
      lists[at].push(all > 0 ? sum / all : null);
    });
  }
  return lists;
}

/** What those got to whom something happens; otherwise the most that anybody got. */
function told(report, names, attempts) {
  const all = attempts.reduce((sum, part) => sum + part, 0);
  const hit = names.findIndex((name) => isHit(report, name));
  const at = hit >= 0 ? hit : attempts.indexOf(Math.max(...attempts));
  return `${names[at]} ${format.share(attempts[at] / all)}`;
}

function reasonNotToDraw({ algorithms }) {
  if (typeof uPlot === "undefined") return NO_CHARTS;
  return algorithms[0].series[0].attempts.length === 0
    ? "These are too many endpoints to draw."
    : null;
}

function hint(report) {
  const hit = Object.keys(report.algorithms[0].share).filter((name) => isHit(report, name));
  const all = "Of all attempts, from the first endpoint at the bottom to the last.";
  return hit.length > 0
    ? `${all} Orange: ${hit.slice(0, 5).join(", ")}, to whom something happens.`
    : all;
}

/** In CSS pixels. */
const HEIGHT = 140;
