// Makes rates and quantiles of the counters in two statuses. Used by history.js.

/** A status in which things are found by name. */
export function indexed(status) {
  const endpoints = new Map();
  for (const cluster of status.clusters) {
    for (const endpoint of cluster.endpoints) {
      endpoints.set(keyOf(cluster.name, endpoint.name), endpoint);
    }
  }
  return {
    // Goes on evenly when somebody sets the clock.
    at: (performance.timeOrigin + performance.now()) / 1000,
    uptime: status.uptime_seconds,
    bounds: status.latency_bounds_seconds,
    endpoints,
    clusters: new Map(status.clusters.map((cluster) => [cluster.name, cluster])),
    listeners: new Map(status.listeners.map((listener) => [listener.name, listener])),
  };
}

/** What happened between two statuses, computed for what is asked for. Rates are NaN where there is nothing to compare. */
export function between(old, present) {
  const seconds = present.uptime - old.uptime;
  const rate = (amount) => (seconds > LEAST_SECONDS ? amount / seconds : NaN);

  const answers = (before, now) => {
    const since = (name) => (before ? now.requests[name] - before.requests[name] : NaN);
    const classes = CLASSES.map((name) => rate(since(name)));
    return { classes, rate: rate(CLASSES.reduce((sum, name) => sum + since(name), since("1xx"))) };
  };
  const listener = (now) => answers(old.listeners.get(now.name), now);
  const route = (of, now) => {
    const routes = old.listeners.get(of.name)?.routes ?? [];
    return answers(
      routes.find(({ name }) => name === now.name),
      now,
    );
  };
  const listeners = () =>
    new Map([...present.listeners.values()].map((now) => [now.name, listener(now)]));

  /** What the clients asked for. */
  const requests = () => {
    const known = [...listeners().values()].filter((figure) => figure.rate >= 0);
    const sum = (value) =>
      known.length > 0 ? known.reduce((total, figure) => total + value(figure), 0) : NaN;
    return {
      rate: sum((figure) => figure.rate),
      classes: CLASSES.map((_, position) => sum((figure) => figure.classes[position])),
    };
  };

  /** What the endpoints made of it. */
  const work = (keys) => {
    const delta = {
      requests: 0,
      failures: 0,
      errors: 0,
      known: false,
      buckets: Array(present.bounds.length + 1).fill(0),
    };
    for (const key of keys) addDelta(delta, old.endpoints.get(key), present.endpoints.get(key));
    const bad = Math.min(delta.requests, delta.failures + delta.errors);
    return {
      rate: delta.known ? rate(delta.requests) : NaN,
      failures: rate(delta.failures),
      errorShare: delta.requests > 0 ? bad / delta.requests : NaN,
      quantiles: quantiles(delta.buckets, present.bounds),
      lowest: present.bounds[0],
    };
  };

  const totals = () => {
    const { failures, quantiles, lowest } = work(present.endpoints.keys());
    let inFlight = 0;
    for (const endpoint of present.endpoints.values()) inFlight += endpoint.in_flight;
    return { ...requests(), failures, quantiles, lowest, inFlight };
  };

  const endpoint = (key) => work([key]);
  const cluster = (name) =>
    work(present.clusters.get(name).endpoints.map((each) => keyOf(name, each.name)));
  return { totals, requests, listeners, route, endpoint, cluster };
}

/** Adds what one endpoint did. One whose counters began anew in between is left out: nobody knows what it did before. */
function addDelta(delta, before, now) {
  if (!before || !now || now.requests < before.requests) return;
  delta.known = true;
  delta.requests += now.requests - before.requests;
  delta.failures += now.failures - before.failures;
  delta.errors += now.responses["5xx"] - before.responses["5xx"];
  now.latency_counts.forEach((count, bucket) => {
    delta.buckets[bucket] += count - (before.latency_counts[bucket] ?? 0);
  });
}

/** Undefined when nothing was answered. */
function quantiles(buckets, bounds) {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  return QUANTILES.map((share) =>
    total > 0 ? quantile(buckets, bounds, share * total) : undefined,
  );
}

/** As Prometheus estimates it: evenly spread within a bucket. The last bucket has no end. */
function quantile(buckets, bounds, rank) {
  let [below, lower] = [0, 0];
  for (const [bucket, bound] of bounds.entries()) {
    const count = buckets[bucket];
    if (count > 0 && below + count >= rank)
      return lower + ((bound - lower) * (rank - below)) / count;
    below += count;
    lower = bound;
  }
  return lower;
}

/** Cluster and endpoint: two clusters may share an endpoint. */
export const keyOf = (cluster, endpoint) => `${cluster}\n${endpoint}`;

/** The classes that end an exchange, in the order in which they are drawn. */
export const CLASSES = ["2xx", "3xx", "4xx", "5xx"];

export const QUANTILES = [0.5, 0.9, 0.99];

/** A rate over less than this is mostly chance. */
const LEAST_SECONDS = 0.5;
