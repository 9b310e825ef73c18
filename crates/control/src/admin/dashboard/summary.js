// The head of the page: what runs, the banner of a refused reload, the totals. Called by app.js for each status.

import { byId, element, setAttribute, setChildren, setClass, setText } from "./dom.js";
import * as format from "./format.js";

/** Shows what concerns the whole balancer. */
export function showSummary(status, figures) {
  setText(byId("version"), status.version);
  showReadiness(status);
  showFacts(status);
  showRefusal(status.config);
  showTiles(status, figures);
}

function showReadiness({ ready, draining }) {
  const [kind, word] = draining
    ? ["warn", "shutting down"]
    : ready
      ? ["good", "ready"]
      : ["warn", "not ready: checking"];
  setClass(byId("readiness"), `pill ${kind}`);
  setText(byId("readiness"), word);
}

function showFacts(status) {
  const { config } = status;
  const source = config.source ?? "command line";
  // What is shown, and what is said of it to whoever points there.
  const facts = [
    ["Up for", format.duration(status.uptime_seconds)],
    ["Workers", String(status.workers)],
    ...config.restart_pending.map(({ key, running, wanted }) => [
      "Restart pending",
      `${key} ${running} → ${wanted}`,
      "The config says so; it takes effect at the next start",
    ]),
    ["Plan", `#${status.generation}`],
    ["Config", source, `${source}, revision ${config.revision}`],
  ];
  if (config.last_reload) facts.push(["Last reload", ...lastReload(config.last_reload)]);
  const list = byId("facts");
  if (list.children.length !== facts.length) {
    list.replaceChildren(...facts.map(() => element("div", "", element("dt"), element("dd"))));
  }
  facts.forEach(([name, value, title], position) => {
    const [term, text] = list.children[position].children;
    setText(term, name);
    setText(text, value);
    setAttribute(text, "title", title ?? null);
  });
}

function lastReload({ at_unix_seconds: at, trigger, result, changes }) {
  return [
    `${result} ${format.time(at)}`,
    [`asked for by ${TRIGGERS[trigger] ?? trigger}`, ...changes].join("\n"),
  ];
}

function showRefusal(config) {
  const refused = config.refused;
  byId("refused").hidden = !refused;
  if (!refused) return;
  const { at_unix_seconds: at, trigger, problem } = config.last_reload ?? {};
  const when =
    at === undefined ? "" : `${format.time(at)}, asked for by ${TRIGGERS[trigger] ?? trigger}. `;
  setText(byId("refused-when"), `${when}Mend the config and reload.`);
  setText(byId("refused-problem"), problem ?? "");
  byId("refused-problem").hidden = !problem;
}

const TRIGGERS = { signal: "a signal", file: "a change of the file", api: "the admin API" };

function showTiles(status, { rate, classes, failures, quantiles, lowest, inFlight }) {
  const [p50, , p99] = quantiles.map((each) => format.quantile(each, lowest));
  const active = status.listeners.reduce((sum, listener) => sum + listener.active, 0);
  const errors = classes[3];
  const tiles = [
    ["Requests", format.number(rate), "/s", "from clients", ""],
    [
      "Errors",
      format.number(errors),
      "/s",
      `5xx; ${format.number(failures)}/s attempts failed`,
      errors > 0 ? "bad" : "",
    ],
    ["Latency", p50, "p50", `${p99} p99`, ""],
    ["Connections", format.count(active), "", "open from clients", ""],
    ["In flight", format.count(inFlight), "", "requests at the endpoints", ""],
  ];
  const root = byId("tiles");
  if (root.children.length === 0) setChildren(root, tiles.map(tile));
  tiles.forEach(([name, value, unit, note, kind], position) => {
    const [label, figure, small] = root.children[position].children;
    setClass(root.children[position], `tile ${kind}`);
    setText(label, name);
    setText(figure.children[0], value);
    setText(figure.children[1], unit);
    setText(small, note);
  });
}

const tile = () =>
  element(
    "div",
    "tile",
    element("h3"),
    element("p", "figure", element("strong"), element("span")),
    element("p", "hint"),
  );
