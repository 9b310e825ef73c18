// Keeps of the past what the charts show, and compares one status with those before it. Fed by app.js.

import { CLASSES, QUANTILES, between, indexed } from "./rates.js";

/** What is kept of the past, and the figures of the present. */
export class History {
  #statuses = [];
  #sparks = new Map();
  /** What the charts show: seconds of Unix time, and a list for each series. */
  chart = {
    times: [],
    classes: CLASSES.map(() => []),
    quantiles: QUANTILES.map(() => []),
    inFlight: [],
    /** Of a quantile below this no more is known. */
    lowest: undefined,
  };

  /** Takes the next status; returns the figures to show with it. */
  add(status) {
    const present = indexed(status);
    const before = this.#statuses.at(-1);
    const restarted = before && present.uptime < before.uptime;
    if (restarted) this.#statuses = [];
    // A pause of any length shows as a gap, not as a straight line over what nobody saw.
    if (restarted || (before && present.at - before.at > GAP_SECONDS)) this.#gap(before.at + 1);
    this.#statuses.push(present);
    const kept = present.endpoints.size > LARGE ? 3 : Infinity;
    const begin = present.uptime - WINDOW_SECONDS;
    while (this.#statuses.length > kept || this.#statuses[0].uptime < begin) this.#statuses.shift();
    const figures = this.#figures(present);
    this.#draw(present, figures);
    return figures;
  }

  /** The latest rates of one endpoint. */
  spark(key) {
    return this.#sparks.get(key) ?? [];
  }

  #figures(present) {
    const window = between(this.#statuses[0], present);
    const last = between(this.#statuses.at(-2) ?? present, present);
    this.#remember(present, last);
    return {
      ...window.totals(),
      last: last.requests(),
      listeners: window.listeners(),
      route: window.route,
      endpoint: window.endpoint,
      cluster: window.cluster,
    };
  }

  #remember(present, last) {
    for (const key of this.#sparks.keys()) {
      if (!present.endpoints.has(key)) this.#sparks.delete(key);
    }
    if (present.endpoints.size > LARGE) return this.#sparks.clear();
    for (const key of present.endpoints.keys()) {
      const spark = this.#sparks.get(key) ?? [];
      const { rate } = last.endpoint(key);
      // A gap would need more room to be understood than there is.
      if (Number.isFinite(rate)) spark.push(rate);
      if (spark.length > SPARK_POINTS) spark.shift();
      this.#sparks.set(key, spark);
    }
  }

  #draw(present, figures) {
    const { chart } = this;
    // The first status has nothing to be compared with, and one that comes at once says little.
    if (!Number.isFinite(figures.last.rate)) return;
    chart.times.push(present.at);
    figures.last.classes.forEach((rate, position) => chart.classes[position].push(rate));
    figures.quantiles.forEach((quantile, position) =>
      chart.quantiles[position].push(quantile ?? null),
    );
    chart.inFlight.push(figures.inFlight);
    chart.lowest = figures.lowest;
    const old = chart.times.findIndex((time) => time >= present.at - CHART_SECONDS);
    for (const list of this.#lists()) list.splice(0, old);
  }

  #gap(at) {
    const [times, ...others] = this.#lists();
    if (times.length === 0) return;
    times.push(at);
    for (const list of others) list.push(null);
  }

  #lists() {
    const { times, classes, quantiles, inFlight } = this.chart;
    return [times, ...classes, ...quantiles, inFlight];
  }
}

/** How much of the past the charts show. */
export const CHART_SECONDS = 600;

/** Over how long rates are averaged: a quantile of one second's few requests would jump about. */
const WINDOW_SECONDS = 10;

/** From so many endpoints on the past of each is not kept: a status has megabytes. */
const LARGE = 2_000;

const SPARK_POINTS = 60;

/** Longer than any pause between two statuses of an unbroken stream that a person would not notice. */
const GAP_SECONDS = 4;
