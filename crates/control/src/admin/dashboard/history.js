// Makes rates and quantiles of the counters in one status after the other. Called by app.js for each status.

/** What is kept of the past, and the figures of the present. */
export class History {
  #statuses = [];
  #sparks = new Map();
  /** What the charts show: seconds of Unix time, and a list for each series. */
  chart = { times: [], classes: CLASSES.map(() => []), quantiles: QUANTILES.map(() => []), inFlight: [] };

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
    while (this.#statuses.length > kept || present.uptime - this.#statuses[0].uptime > WINDOW_SECONDS) this.#statuses.shift();
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
    return { ...window.totals(), last: last.requests(), listeners: window.listeners(), route: window.route, endpoint: window.endpoint, cluster: window.cluster };
  }

  #remember(present, last) {
    for (const key of this.#sparks.keys()) if (!present.endpoints.has(key)) this.#sparks.delete(key);
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
    figures.quantiles.forEach((quantile, position) => chart.quantiles[position].push(quantile ?? null));
    chart.inFlight.push(figures.inFlight);
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

/** Cluster and endpoint: two clusters may share an endpoint. */
export const keyOf = (cluster, endpoint) => `${cluster}\n${endpoint}`;

/** The classes that end an exchange, in the order in which they are drawn. */
export const CLASSES = ["2xx", "3xx", "4xx", "5xx"];

export const QUANTILES = [0.5, 0.9, 0.99];

/** How much of the past the charts show. */
export const CHART_SECONDS = 600;

function indexed(status) {
  const endpoints = new Map();
  for (const cluster of status.clusters) {
    for (const endpoint of cluster.endpoints) endpoints.set(keyOf(cluster.name, endpoint.name), endpoint);
  }
  return {
    at: Date.now() / 1000,
    uptime: status.uptime_seconds,
    bounds: status.latency_bounds_seconds,
    endpoints,
    clusters: new Map(status.clusters.map((cluster) => [cluster.name, cluster])),
    listeners: new Map(status.listeners.map((listener) => [listener.name, listener])),
  };
}

/** What happened between two statuses, computed for what is asked for. Rates are NaN where there is nothing to compare. */
function between(old, present) {
  const seconds = present.uptime - old.uptime;
  const rate = (amount) => (seconds > LEAST_SECONDS ? amount / seconds : NaN);

  const answers = (before, now) => {
    const since = (name) => (before ? now.requests[name] - before.requests[name] : NaN);
    const classes = CLASSES.map((name) => rate(since(name)));
    return { classes, rate: rate(CLASSES.reduce((sum, name) => sum + since(name), since("1xx"))) };
  };
  const listener = (now) => answers(old.listeners.get(now.name), now);
  const route = (of, now) => answers(old.listeners.get(of.name)?.routes.find(({ name }) => name === now.name), now);
  const listeners = () => new Map([...present.listeners.values()].map((now) => [now.name, listener(now)]));

  /** What the clients asked for. */
  const requests = () => {
    const known = [...listeners().values()].filter((figure) => figure.rate >= 0);
    const sum = (value) => (known.length > 0 ? known.reduce((total, figure) => total + value(figure), 0) : NaN);
    return { rate: sum((figure) => figure.rate), classes: CLASSES.map((_, position) => sum((figure) => figure.classes[position])) };
  };

  /** What the endpoints made of it. */
  const work = (keys) => {
    const delta = { requests: 0, failures: 0, errors: 0, known: false, buckets: Array(present.bounds.length + 1).fill(0) };
    for (const key of keys) addDelta(delta, old.endpoints.get(key), present.endpoints.get(key));
    const bad = Math.min(delta.requests, delta.failures + delta.errors);
    return {
      rate: delta.known ? rate(delta.requests) : NaN,
      failures: rate(delta.failures),
      errorShare: delta.requests > 0 ? bad / delta.requests : NaN,
      quantiles: quantiles(delta.buckets, present.bounds),
    };
  };

  const totals = () => {
    const { failures, quantiles } = work(present.endpoints.keys());
    let inFlight = 0;
    for (const endpoint of present.endpoints.values()) inFlight += endpoint.in_flight;
    return { ...requests(), failures, quantiles, inFlight };
  };

  const endpoint = (key) => work([key]);
  const cluster = (name) => work(present.clusters.get(name).endpoints.map((each) => keyOf(name, each.name)));
  return { totals, requests, listeners, route, endpoint, cluster };
}

/** Adds what one endpoint did. One whose counters began anew in between is left out: nobody knows what it did before. */
function addDelta(delta, before, now) {
  if (!before || !now || now.requests < before.requests) return;
  delta.known = true;
  delta.requests += now.requests - before.requests;
  delta.failures += now.failures - before.failures;
  delta.errors += now.responses["5xx"] - before.responses["5xx"];
  now.latency_counts.forEach((count, bucket) => { delta.buckets[bucket] += count - (before.latency_counts[bucket] ?? 0); });
}

/** Undefined when nothing was answered. */
function quantiles(buckets, bounds) {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  return QUANTILES.map((share) => (total > 0 ? quantile(buckets, bounds, share * total) : undefined));
}

/** As Prometheus estimates it: evenly spread within a bucket. The last bucket has no end. */
function quantile(buckets, bounds, rank) {
  let [below, lower] = [0, 0];
  for (const [bucket, bound] of bounds.entries()) {
    const count = buckets[bucket];
    if (count > 0 && below + count >= rank) return lower + ((bound - lower) * (rank - below)) / count;
    below += count;
    lower = bound;
  }
  return lower;
}

/** Over how long rates are averaged: a quantile of one second's few requests would jump about. */
const WINDOW_SECONDS = 10;

/** From so many endpoints on the past of each is not kept: a status has megabytes. */
const LARGE = 2_000;

const SPARK_POINTS = 60;

/** A rate over less than this is mostly chance. */
const LEAST_SECONDS = 0.5;

/** Longer than any pause between two statuses of an unbroken stream that a person would not notice. */
const GAP_SECONDS = 4;
