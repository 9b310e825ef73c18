// What the page can do: drain an endpoint, bring it back, reload the config. Always asks first, in the page. Used by app.js.

import { byId, setText } from "./dom.js";

/** Asks whether to drain an endpoint, or to give it back to its checks. */
export function askForEndpoint(cluster, { name, forced, in_flight: inFlight }) {
  const path = `/api/v1/clusters/${encodeURIComponent(cluster)}/endpoints/${encodeURIComponent(name)}/state`;
  const change = (state) => ({ method: "PUT", path, body: { state } });
  if (forced) {
    ask({
      title: `Bring back ${name}?`,
      text: `Cluster ${cluster} uses it again as soon as its checks say that it is up.`,
      yes: "Bring back",
      done: `${name} is left to its checks again.`,
      ...change("auto"),
    });
  } else {
    ask({
      title: `Drain ${name}?`,
      text: `Cluster ${cluster} gives it no new requests. What it is doing now (${inFlight} in flight) may end.`,
      yes: "Drain",
      done: `${name} gets no new requests.`,
      ...change("drain"),
    });
  }
}

/** Asks whether to reload the config. */
export function askForReload() {
  ask({
    title: "Reload the config?",
    text: "It is read and checked anew. If anything is wrong with it, nothing changes.",
    yes: "Reload",
    done: "The config was reloaded.",
    method: "POST",
    path: "/api/v1/reload",
    body: {},
  });
}

/** In memory only: whoever closes the page has forgotten it. */
let token = "";
let asked = null;
let sending = false;

function ask(question) {
  asked = question;
  setText(byId("confirm-title"), question.title);
  setText(byId("confirm-text"), question.text);
  setText(byId("confirm-yes"), question.yes);
  byId("confirm-token").hidden = true;
  byId("confirm-problem").hidden = true;
  byId("confirm").showModal();
}

async function answer(event) {
  event.preventDefault();
  if (sending) return;
  if (!byId("confirm-token").hidden) token = byId("token").value.trim();
  sending = true;
  byId("confirm-yes").disabled = true;
  const problem = await send(asked).catch(
    (error) => `The balancer could not be reached: ${error.message}`,
  );
  byId("confirm-yes").disabled = false;
  sending = false;
  byId("confirm-problem").hidden = problem === null;
  setText(byId("confirm-problem"), problem ?? "");
  if (problem === null) {
    byId("confirm").close();
    report(asked.done);
  }
}

/** Sends the change; returns what was wrong, or null. */
async function send({ method, path, body }) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(TIMEOUT);
  const response = await fetch(path, { method, headers, body: JSON.stringify(body), signal });
  if (response.ok) return null;
  if (response.status === 401 || response.status === 403) {
    byId("confirm-token").hidden = false;
    byId("token").focus();
  }
  return problemIn(await response.text(), response);
}

/** The API's own words: what is wrong, and what to do about it. */
function problemIn(text, { status, statusText }) {
  try {
    const { error, help } = JSON.parse(text);
    if (error) return help ? `${error}\n\n${help}` : error;
  } catch {
    // It is not JSON, so it is for people as it is.
  }
  return text.trim() || `${status} ${statusText}`;
}

let reported = 0;

function report(text) {
  clearTimeout(reported);
  setText(byId("done"), text);
  reported = setTimeout(() => setText(byId("done"), ""), REPORT_SHOWN);
}

byId("confirm-form").addEventListener("submit", answer);
byId("confirm-no").addEventListener("click", () => byId("confirm").close());

/** In milliseconds; a reload may have to look up names. */
const TIMEOUT = 30_000;
const REPORT_SHOWN = 6_000;
