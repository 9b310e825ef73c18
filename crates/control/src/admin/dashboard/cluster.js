// One cluster: a card with a table of its endpoints. Made and fed by endpoints.js.

import { element, setChildren, setText } from "./dom.js";
import * as format from "./format.js";
import { keyOf } from "./rates.js";
import { COLUMNS, Row } from "./row.js";

/** One cluster. */
export class Card {
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
    this.root = element(
      "article",
      "card cluster",
      element("header", "", this.title, this.facts, this.summary),
      this.table,
      this.more,
    );
  }

  /** Shows `chosen` of the cluster's endpoints, or as many of them as there is room for; returns how many rows that took. */
  update(cluster, chosen, figures, room) {
    setText(this.title, cluster.name);
    this.table.setAttribute("aria-label", `Endpoints of ${cluster.name}`);
    const waiting = cluster.pending > 0 && `${format.count(cluster.pending)} waiting`;
    const shed = cluster.shed.overloaded + cluster.shed.pending_timeout;
    const refused = shed > 0 && `${format.count(shed)} refused for want of room`;
    const { algorithm, panic, last_resort: lastResort } = cluster;
    const facts = [algorithm, panic, lastResort, waiting, refused].filter(Boolean);
    setText(this.facts, facts.join(" · "));
    this.#summarise(cluster, figures.cluster(cluster.name));
    // Who asks for more gets more, whatever the others take.
    const limit =
      this.#wanted > ROWS_AT_FIRST ? this.#wanted : Math.min(this.#wanted, Math.max(0, room));
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
    setText(
      this.more,
      `${format.count(chosen.length - shown.length)} more: show ${Math.min(ROWS_MORE, chosen.length - shown.length)}`,
    );
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
    const { working, well, in_service: inService } = cluster;
    // Too few are well for the balancer to choose among them.
    const panics = cluster.panic && working > well;
    const some = panics
      ? `${format.count(well)} of ${format.count(inService)} in service well, so all of them get work`
      : `${format.count(working)} of ${format.count(cluster.endpoints.length)} can get work`;
    const states = cluster.endpoints.length === 0 ? "no endpoints" : some;
    const [p50, , p99] = figure.quantiles.map((each) => format.quantile(each, figure.lowest));
    setText(
      this.summary,
      `${states} · ${format.number(figure.rate)} requests/s · p50 ${p50} · p99 ${p99}`,
    );
    this.summary.classList.toggle("bad", panics || (working === 0 && cluster.endpoints.length > 0));
  }
}

function table(body) {
  const head = element(
    "tr",
    "",
    ...COLUMNS.map(({ title, kind }) => {
      const cell = element("th", kind, title);
      cell.setAttribute("role", "columnheader");
      return cell;
    }),
  );
  head.setAttribute("role", "row");
  const made = element("table", "endpoints", element("thead", "", head), body);
  // On a narrow screen the rows are laid out as cards; to those who listen it stays a table.
  made.setAttribute("role", "table");
  return made;
}

const ROWS_AT_FIRST = 50;
const ROWS_MORE = 200;
