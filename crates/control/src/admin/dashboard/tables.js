// The listeners, and the certificates, routes, overrides and leaving endpoints if there are any. Fed by app.js for each status.

import { byId, element, setAttribute, setClass, setText } from "./dom.js";
import * as format from "./format.js";

/** Shows what is not about endpoints. */
export function showTables(status, figures) {
  fill(
    byId("listeners"),
    "",
    LISTENER,
    status.listeners.map((listener) => listenerRow(listener, figures.listeners.get(listener.name))),
  );
  showCertificates(status);
  fill(byId("acme"), "Certificates by ACME", ACME, status.acme.map(acmeRow));
  fill(byId("routes"), "Routes", ROUTE, routeRows(status, figures));
  fill(byId("overrides"), "Changed by hand", OVERRIDE, status.overrides.map(overrideRow));
  fill(
    byId("leaving"),
    "Gone from the config, still at work",
    LEAVING,
    status.leaving.map(leavingRow),
  );
}

function listenerRow(listener, figure) {
  const { cluster, redirect_to_https: port } = listener;
  const where = port ? `→ https :${port} by redirect` : cluster ? `→ ${cluster}` : "by route";
  return [
    [listener.name, "key"],
    [`${listener.binds.join(", ")} ${where}`, ""],
    [format.count(listener.active), "figure"],
    ...answers(figure),
  ];
}

/** What listeners show their clients and clusters their endpoints, and what they cannot. Of thousands the status has the first of each. */
function showCertificates({ listeners, clusters }) {
  const called = (what, all) => all.map(({ name, tls }) => [`${what} ${name}`, tls]);
  const secure = [...called("listener", listeners), ...called("cluster", clusters)].filter(
    ([, tls]) => tls,
  );
  const all = (pick) => secure.flatMap(([of, tls]) => pick(tls).map((each) => [of, each]));
  const sum = (pick) => secure.reduce((count, [, tls]) => count + pick(tls), 0);
  const rows = all(({ certificates }) => certificates).map(certificateRow);
  const count = sum((tls) => tls.certificate_count);
  fill(byId("certificates"), "Certificates", CERTIFICATE, rows, count);
  fill(byId("tls-files"), "Beside certificates", TLS_FILE, all(({ files }) => files).map(fileRow));
  const awaited = all((tls) => tls.awaited).map(([of, file]) => [[file, "code"], [of, ""]]);
  fill(byId("certificates-awaited"), "Certificates that are still to come", AWAITED, awaited);
  const problems = all((tls) => tls.problems).map(problemRow);
  const problemCount = sum((tls) => tls.problem_count);
  const title = "Certificates that cannot be used";
  fill(byId("certificate-problems"), title, PROBLEM, problems, problemCount);
}

function certificateRow([of, certificate]) {
  const { names, name_count: count, not_after_unix_seconds: end, state } = certificate;
  const shown = count > 0 ? names.slice(0, NAMES_SHOWN) : [certificate.subject];
  const left = count > shown.length ? ` +${count - shown.length}` : "";
  const more = certificate.default ? `${left} (default)` : left;
  const until = `until ${new Date(end * 1000).toISOString()}`;
  return [
    [shown.join(", ") + more, "key names", [names.join(", "), until, certificate.file].join("\n")],
    leftCell(state, end),
    [certificate.key, "whole"],
    [certificate.issuer, ""],
    [of, ""],
  ];
}

const fileRow = ([of, { kind, file, not_after_unix_seconds: end, state }]) => [
  [FILE_KINDS[kind], "key"],
  end === null ? ["", "whole"] : leftCell(state, end),
  [file, "code"],
  [of, ""],
];

function leftCell(state, end) {
  const left = state === "expired" ? "expired" : format.duration(end - Date.now() / 1000);
  return [left, `whole ${STATE_KINDS[state] ?? ""}`.trim()];
}

const problemRow = ([of, { file, problem, help, kept, lapsed }]) => [
  [file, "code", help],
  [of, ""],
  [
    kept
      ? `${problem}; what was good before stays in use`
      : lapsed
        ? `${problem}; nobody is taken by it`
        : problem,
    kept ? "told warn" : "told bad",
  ],
];

/** A certificate that is ordered from an authority: when the next order is due, and what went wrong with the last. */
function acmeRow({ name, names, name_count: count, activity, next_unix_seconds: next, failure }) {
  const shown = names.slice(0, NAMES_SHOWN);
  const more = count > shown.length ? ` +${count - shown.length}` : "";
  const left = next === null ? "" : format.duration(Math.max(0, next - Date.now() / 1000));
  const problem = failure
    ? [`${failure.problem} (${format.time(failure.at_unix_seconds)}, ${failure.in_a_row} in a row)`, "told bad"]
    : ["", "told"];
  return [
    [name, "key"],
    [shown.join(", ") + more, "names", names.join("\n")],
    [ACTIVITIES[activity] ?? left, "whole"],
    problem,
  ];
}

/** All routes, or none if they say no more than that each listener has a cluster. */
function routeRows({ listeners }, figures) {
  const isDefault = ({ host, path }) => host === "*" && path === "/*";
  const routes = listeners.flatMap((listener) =>
    listener.routes.map((route) => [listener, route]),
  );
  if (routes.length <= listeners.length && routes.every(([, route]) => isDefault(route))) return [];
  return routes.map(([listener, route], position) =>
    position < ROWS_MAX ? routeRow(listener, route, figures.route(listener, route)) : [],
  );
}

function routeRow(listener, { name, host, path, to }, figure) {
  const match = host === "*" ? path : `${host}${path}`;
  const targets = to
    .map(({ cluster, weight }) => (to.length > 1 ? `${cluster} (${weight})` : cluster))
    .join(", ");
  return [[name, "key"], [listener.name, ""], [match, "code"], [targets, ""], ...answers(figure)];
}

function answers({ rate, classes: [, , bad, broken] }) {
  return [
    [format.number(rate), "figure"],
    [format.number(bad), "figure"],
    [format.number(broken), broken > 0 ? "figure bad" : "figure"],
  ];
}

const overrideRow = ({ cluster, endpoint, text, idle }) => [
  [cluster, "key"],
  [endpoint, "code"],
  [idle ? `${text} (of no effect)` : text, ""],
];

const leavingRow = ({ cluster, endpoint, in_flight: inFlight }) => [
  [cluster, "key"],
  [endpoint, "code"],
  [format.count(inFlight), "figure"],
];

/** A table with these rows, or nothing; its elements are kept as long as its form is. */
function fill(root, title, columns, rows, count = rows.length) {
  root.hidden = rows.length === 0;
  if (rows.length === 0) return root.replaceChildren();
  const shown = rows.slice(0, ROWS_MAX);
  const form = `${columns.join()} ${shown.length} ${count}`;
  if (root.dataset.form !== form) {
    root.dataset.form = form;
    build(root, title, columns, shown, count - shown.length);
  }
  const lines = root.querySelectorAll("tbody tr");
  shown.forEach((cells, line) =>
    cells.forEach(([text, kind, hint], position) => {
      const cell = lines[line].children[position];
      setClass(cell, kind);
      setText(cell, text);
      setAttribute(cell, "title", hint ?? null);
    }),
  );
}

function build(root, title, columns, rows, left) {
  const head = element(
    "tr",
    "",
    ...columns.map((column, position) => element("th", rows[0][position][1].split(" ")[0], column)),
  );
  const body = rows.map((cells) => element("tr", "", ...cells.map(() => element("td"))));
  const table = element("table", "", element("thead", "", head), element("tbody", "", ...body));
  const scroller = element("div", "scroller", table);
  const more =
    left > 0 ? [element("p", "hint", `and ${format.count(left)} more, in /api/v1/status`)] : [];
  root.replaceChildren(...(title ? [element("h3", "", title)] : []), scroller, ...more);
}

const LISTENER = ["Name", "Listens on", "Active", "Requests/s", "4xx/s", "5xx/s"];
const ROUTE = ["Route", "Listener", "Takes", "Cluster", "Requests/s", "4xx/s", "5xx/s"];
const CERTIFICATE = ["Names", "Good for", "Key", "Signed by", "Of"];
const TLS_FILE = ["What", "Good for", "File", "Of"];
const AWAITED = ["File", "Of"];
const ACME = ["Name", "For", "Next order in", "Problem"];
const PROBLEM = ["File", "Of", "Problem"];
const OVERRIDE = ["Cluster", "Endpoint", "What"];
const LEAVING = ["Cluster", "Endpoint", "In flight"];

// In place of the time until the next order.
const ACTIVITIES = { waiting: "waits for another", ordering: "now" };

// Whatever ends soon is to be seen, and whatever is over.
const STATE_KINDS = { ends_soon: "warn", ends_very_soon: "bad", expired: "bad" };

const FILE_KINDS = {
  client_authorities: "client CAs",
  revocations: "revocation lists",
  ticket_keys: "ticket keys",
  endpoint_authorities: "CAs of endpoints",
};

// More would push everything else out of the table; whoever points there sees all that the status has.
const NAMES_SHOWN = 2;

const ROWS_MAX = 100;
