// The dashboard: takes what the stream says and hands it to the parts of the page. Loaded by page.html.

import { askForEndpoint, askForReload } from "./actions.js";
import { Charts } from "./charts.js";
import { byId, setClass, setText } from "./dom.js";
import { Clusters } from "./endpoints.js";
import { showEvent } from "./events.js";
import * as format from "./format.js";
import { History } from "./history.js";
import { followStories } from "./stories.js";
import { Stream } from "./stream.js";
import { showSummary } from "./summary.js";
import { showTables } from "./tables.js";
import { followTheme } from "./toggle.js";

const history = new History();
const charts = new Charts(history);
const clusters = new Clusters(history, act);
let latest = null;

function show(status) {
  latest = status;
  const figures = history.add(status);
  // Nobody sees a hidden page; only the past must not have a hole.
  if (document.hidden) return;
  showSummary(status, figures);
  charts.update();
  clusters.update(status, figures);
  showTables(status, figures);
}

function act(cluster, name) {
  const endpoints = latest?.clusters.find((each) => each.name === cluster)?.endpoints ?? [];
  const endpoint = endpoints.find((each) => each.name === name);
  if (endpoint) askForEndpoint(cluster, endpoint);
}

function link(state, since) {
  const [kind, word] = LINKS[state];
  setClass(byId("link"), `link ${kind}`);
  setText(byId("link"), word);
  const lost = state === "lost";
  document.body.classList.toggle("stale", lost);
  byId("lost").hidden = !lost;
  if (!lost) return;
  const then =
    since === null
      ? ""
      : ` These figures are of ${format.time((performance.timeOrigin + since) / 1000)}.`;
  setText(byId("lost"), `There is no connection to the balancer; this page goes on trying.${then}`);
}

const LINKS = {
  live: ["good", "live"],
  polling: ["warn", "slow: too many dashboards"],
  lost: ["bad", "connection lost"],
};

byId("reload").addEventListener("click", askForReload);
followTheme(byId("theme"), () => charts.redraw());
followStories();
new Stream({ status: show, event: showEvent, link });
