// The clusters: a card for each, with a table of its endpoints. Made by app.js, fed for each status.

import { byId, element, setChildren, setText } from "./dom.js";
import * as format from "./format.js";
import { keyOf } from "./history.js";
import { Row, COLUMNS } from "./row.js";
import { STATES, badge } from "./states.js";

/** Shows all clusters, as far as the filter and the bounds allow. */
export class Clusters {
  #history;
  #act;
  #cards = new Map();
  #latest = null;
  #state = null;
  #words = [];

  /** `act(cluster, endpoint)` is called when the button of an endpoint is pressed. */
  constructor(history, act) {
    this.#history = history;
    this.#act = act;
    byId("filter").addEventListener("input", () => {
      this.#words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
      this.#show();
    });
    byId("states").replaceChildren(...Object.keys(STATES).map((state) => this.#chip(state)));
  }

  update(status, figures) {
    this.#latest = { status, figures };
    this.#show();
  }

  #show() {
    if (!this.#latest) return;
    const { status, figures } = this.#latest;
    const total = status.clusters.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
    byId("filters").hidden = total <= FEW && this.#words.length === 0 && this.#state === null;
    this.#showChips(status);
    let room = ROWS_MAX;
    const cards = [];
    for (const cluster of status.clusters) {
      const chosen = cluster.endpoints.filter((endpoint) => this.#isWanted(cluster, endpoint));
      if (chosen.length === 0 && cluster.endpoints.length > 0) continue;
      const card = this.#card(cluster.name);
      room -= card.update(cluster, chosen, figures, room);
      cards.push(card.root);
    }
    setChildren(byId("clusters"), cards);
    byId("nothing").hidden = cards.length > 0;
    const names = new Set(status.clusters.map(({ name }) => name));
    for (const name of this.#cards.keys()) if (!names.has(name)) this.#cards.delete(name);
  }

  #card(name) {
    if (!this.#cards.has(name)) this.#cards.set(name, new Card(this.#history, this.#act, () => this.#show()));
    return this.#cards.get(name);
  }

  #isWanted(cluster, endpoint) {
    if (this.#state !== null && endpoint.state !== this.#state) return false;
    if (this.#words.length === 0) return true;
    const text = `${cluster.name} ${endpoint.name} ${endpoint.address} ${endpoint.state} ${endpoint.reason}`.toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }

  #chip(state) {
    const chip = element("button", "chip", badge(state), element("span", "count"));
    chip.type = "button";
    chip.dataset.state = state;
    chip.addEventListener("click", () => {
      this.#state = this.#state === state ? null : state;
      this.#show();
    });
    return chip;
  }

  #showChips(status) {
    const counts = countStates(status.clusters.flatMap(({ endpoints }) => endpoints));
    for (const chip of byId("states").children) {
      const { state } = chip.dataset;
      chip.hidden = !counts[state] && this.#state !== state;
      chip.setAttribute("aria-pressed", String(this.#state === state));
      setText(chip.lastElementChild, format.count(counts[state] ?? 0));
    }
  }
}

/** One cluster. */
class Card {
  #rows = new Map();
  #wanted = ROWS_AT_FIRST;
  #history;
  #act;

  constructor(history, act, show) {
    this.#history = history;
    this.#act = act;
    this.title = element("h3");
    this.facts = element("p", "hint");
    this.summary = element("p", "summary");
    this.body = element("tbody");
    this.body.setAttribute("role", "rowgroup");
    this.table = table(this.body);
    this.more = element("button", "more");
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.#wanted += ROWS_MORE;
      show();
    });
    this.root = element("article", "card cluster", element("header", "", this.title, this.facts, this.summary), this.table, this.more);
  }

  /** Shows `chosen` of the cluster's endpoints, or as many of them as there is room for; returns how many rows that took. */
  update(cluster, chosen, figures, room) {
    setText(this.title, cluster.name);
    this.table.setAttribute("aria-label", `Endpoints of ${cluster.name}`);
    setText(this.facts, cluster.algorithm);
    this.#summarise(cluster, figures.cluster(cluster.name));
    // Who asks for more gets more, whatever the others take.
    const limit = this.#wanted > ROWS_AT_FIRST ? this.#wanted : Math.min(this.#wanted, Math.max(0, room));
    const shown = chosen.slice(0, limit);
    const most = Math.max(1, ...shown.map((endpoint) => endpoint.in_flight));
    const rows = shown.map((endpoint) => {
      const key = keyOf(cluster.name, endpoint.name);
      const row = this.#row(key, () => this.#act(cluster.name, endpoint.name));
      row.update(endpoint, figures.endpoint(key), this.#history.spark(key), most);
      return row.root;
    });
    setChildren(this.body, rows);
    this.#forget(rows);
    this.table.hidden = rows.length === 0;
    this.more.hidden = shown.length === chosen.length;
    setText(this.more, `${format.count(chosen.length - shown.length)} more: show ${Math.min(ROWS_MORE, chosen.length - shown.length)}`);
    return rows.length;
  }

  #row(key, act) {
    if (!this.#rows.has(key)) this.#rows.set(key, new Row(act));
    return this.#rows.get(key);
  }

  #forget(shown) {
    if (this.#rows.size <= shown.length) return;
    const kept = new Set(shown);
    for (const [key, row] of this.#rows) if (!kept.has(row.root)) this.#rows.delete(key);
  }

  #summarise(cluster, figure) {
    const counts = countStates(cluster.endpoints);
    const usable = (counts.up ?? 0) + (counts.unchecked ?? 0);
    const states = cluster.endpoints.length === 0 ? "no endpoints" : `${format.count(usable)} of ${format.count(cluster.endpoints.length)} take work`;
    const [p50, , p99] = figure.quantiles;
    setText(this.summary, `${states} · ${format.number(figure.rate)} requests/s · p50 ${format.latency(p50)} · p99 ${format.latency(p99)}`);
    this.summary.classList.toggle("bad", usable === 0 && cluster.endpoints.length > 0);
  }
}

function table(body) {
  const head = element("tr", "", ...COLUMNS.map(({ title, kind }) => {
    const cell = element("th", kind, title);
    cell.setAttribute("role", "columnheader");
    return cell;
  }));
  head.setAttribute("role", "row");
  const made = element("table", "endpoints", element("thead", "", head), body);
  // On a narrow screen the rows are laid out as cards; to those who listen it stays a table.
  made.setAttribute("role", "table");
  return made;
}

function countStates(endpoints) {
  const counts = {};
  for (const { state } of endpoints) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** Up to here a filter would only be in the way. */
const FEW = 8;

const ROWS_AT_FIRST = 50;
const ROWS_MORE = 200;

/** Of all clusters together, unless somebody asks for more: each row is some thirty elements that change each second. */
const ROWS_MAX = 200;
