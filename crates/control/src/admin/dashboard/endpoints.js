// The clusters, with what is chosen of their endpoints. Made by app.js, fed for each status.

import { Card } from "./cluster.js";
import { byId, element, setChildren, setText } from "./dom.js";
import * as format from "./format.js";
import { STATES, badge, countStates } from "./states.js";

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
    if (!this.#cards.has(name))
      this.#cards.set(name, new Card(this.#history, this.#act, () => this.#show()));
    return this.#cards.get(name);
  }

  #isWanted(cluster, endpoint) {
    if (this.#state !== null && endpoint.state !== this.#state) return false;
    if (this.#words.length === 0) return true;
    const text =
      `${cluster.name} ${endpoint.name} ${endpoint.address} ${endpoint.state} ${endpoint.reason}`.toLowerCase();
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

/** Up to here a filter would only be in the way. */
const FEW = 8;

/** Of all clusters together, unless somebody asks for more: each row is some thirty elements that change each second. */
const ROWS_MAX = 200;
