// One endpoint in the table of its cluster. Made and fed by endpoints.js.

import { SVG, element, setAttribute, setChildren, setText } from "./dom.js";
import * as format from "./format.js";
import { badge } from "./states.js";

/** What the table shows, from left to right. */
export const COLUMNS = [
  { title: "State", kind: "state" },
  { title: "Endpoint", kind: "name" },
  { title: "Weight", kind: "figure slim" },
  { title: "In flight", kind: "figure" },
  { title: "Requests/s", kind: "figure wide" },
  { title: "Errors", kind: "figure" },
  { title: "p50", kind: "figure" },
  { title: "p99", kind: "figure" },
  { title: "Last check", kind: "check" },
  { title: "", kind: "act" },
];

/** The row of one endpoint; `act` is called when its button is pressed. */
export class Row {
  #cells;
  #state = null;
  #name = element("strong");
  #tags = element("span", "tags");
  #why = element("small", "why");
  #inFlight = element("span");
  #bar = element("span", "bar", element("span"));
  #line = sparkline();
  #rate = element("span");
  #check = element("span");
  #checked = element("small", "hint");
  #button = element("button", "small");

  constructor(act) {
    this.#cells = COLUMNS.map(({ title, kind }) => {
      const cell = element("td", kind);
      cell.setAttribute("role", "cell");
      // On a narrow screen there is no head above the figures.
      if (title) cell.dataset.title = title;
      return cell;
    });
    this.root = element("tr", "", ...this.#cells);
    this.root.setAttribute("role", "row");
    const [, name, , inFlight, rate, , , , check, button] = this.#cells;
    name.append(this.#name, this.#tags, this.#why);
    inFlight.append(this.#inFlight, this.#bar);
    rate.append(this.#line, this.#rate);
    check.append(this.#check, this.#checked);
    this.#button.type = "button";
    this.#button.addEventListener("click", act);
    button.append(this.#button);
  }

  /** `most` is the most that any endpoint of the table has in flight. */
  update(endpoint, figure, spark, most) {
    const [state, , weight, , , errors, p50, p99] = this.#cells;
    const word = wordOf(endpoint);
    if (this.#state !== word) {
      this.#state = word;
      state.replaceChildren(badge(endpoint.state, word));
    }
    this.#showName(endpoint);
    setText(weight, String(endpoint.weight));
    this.#showInFlight(endpoint);
    this.#bar.firstChild.style.width = `${(100 * endpoint.in_flight) / most}%`;
    setText(this.#rate, format.number(figure.rate));
    draw(this.#line, spark);
    setText(errors, format.share(figure.errorShare));
    errors.classList.toggle("bad", figure.errorShare >= ALARMING);
    setText(p50, format.quantile(figure.quantiles[0], figure.lowest));
    setText(p99, format.quantile(figure.quantiles[2], figure.lowest));
    this.#showCheck(endpoint);
    this.#showButton(endpoint);
  }

  #showName({ name, address, backup, reason, since_unix_seconds: since }) {
    setText(this.#name, name);
    const tags = [];
    if (backup) tags.push("backup");
    if (address && address !== name) tags.push(address);
    setTags(this.#tags, tags);
    const duration = since === null ? "" : `for ${format.ago(since)}`;
    setText(this.#why, [reason, duration].filter(Boolean).join(" · "));
    setAttribute(this.#why, "title", since === null ? null : `since ${format.time(since)}`);
  }

  #showInFlight({ in_flight: inFlight, limit, adaptive_limit: found }) {
    const of = limit === null ? "" : ` of ${format.count(limit)}`;
    setText(this.#inFlight, format.count(inFlight) + of);
    const why = found === limit ? "adaptive: it has more to do than it can" : "as the config says";
    setAttribute(this.#inFlight, "title", limit === null ? null : `at most ${limit}, ${why}`);
  }

  #showCheck({ last_check: check, reason, checks = [] }) {
    if (!check) {
      setText(this.#check, format.NONE);
      setText(this.#checked, "");
      return;
    }
    const passing = checks.filter(({ standing }) => standing !== "down").length;
    const word = check.passed ? "passed" : "failed";
    setText(this.#check, checks.length ? `${passing} of ${checks.length} well` : word);
    this.#check.classList.toggle("bad", !check.passed);
    // What the reason says already is not said twice.
    const isTold = check.passed || reason?.includes(check.detail);
    const found = isTold ? format.latency(check.took_seconds) : check.detail;
    setText(this.#checked, `${found}, ${format.ago(check.at_unix_seconds)} ago`);
    const each = checks.map(({ name, reason: why, standing }) => `${name}: ${why ?? standing}`);
    setAttribute(this.#cells[8], "title", each.length ? each.join("\n") : check.detail);
  }

  #showButton({ name, forced }) {
    const word = forced ? "Bring back" : "Drain";
    setText(this.#button, word);
    setAttribute(this.#button, "aria-label", `${word} ${name}`);
  }
}

/** Whom an operator holds up or down is told from who is so by itself. */
function wordOf({ state, forced }) {
  return state === forced ? `${state} (forced)` : state;
}

function setTags(parent, tags) {
  if (parent.dataset.tags === tags.join("\n")) return;
  parent.dataset.tags = tags.join("\n");
  setChildren(
    parent,
    tags.map((tag) => element("span", "tag", tag)),
  );
}

function sparkline() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "polyline"));
  return svg;
}

/** The latest is at the right, however few there are. */
function draw(svg, values) {
  const most = Math.max(1, ...values);
  const left = SPARK_WIDTH - values.length + 1;
  const y = (value) => (SPARK_HEIGHT - 1 - (value / most) * (SPARK_HEIGHT - 2)).toFixed(1);
  const points = values.map((value, position) => `${left + position},${y(value)}`).join(" ");
  setAttribute(svg.firstChild, "points", points);
}

/** Below, a few errors are told but nobody is called. */
const ALARMING = 0.01;

/** A unit for each value. */
const SPARK_WIDTH = 60;
const SPARK_HEIGHT = 20;
