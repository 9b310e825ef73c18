// The states of an endpoint: each has a colour, a shape and a word, for colour alone is not seen by everybody. Used by
// endpoints.js, cluster.js and row.js.

import { drawing, element } from "./dom.js";

/** A badge for a state, which may be told in another word. */
export function badge(state, word = state) {
  const { kind, paths } = STATES[state] ?? STATES.unchecked;
  return element(
    "span",
    `badge ${kind}`,
    drawing("shape", 16, ...paths),
    element("span", "", word),
  );
}

/** The colour of each state, and its shape. */
export const STATES = {
  up: {
    kind: "good",
    paths: [
      ["M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", "full"],
      ["M4.8 8.2l2.2 2.3 4.2-4.6", "mark"],
    ],
  },
  down: {
    kind: "bad",
    paths: [
      ["M5 1h6l4 4v6l-4 4H5l-4-4V5z", "full"],
      ["M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2", "mark"],
    ],
  },
  draining: {
    kind: "warn",
    paths: [
      ["M2 1h12v14H2z", "full"],
      ["M8 4v7M5 8.4L8 11.4l3-3", "mark"],
    ],
  },
  ejected: {
    kind: "bad",
    paths: [
      ["M8 1l7 7-7 7-7-7z", "full"],
      ["M8 4.5v4M8 10.7v.6", "mark"],
    ],
  },
  suspect: {
    kind: "warn",
    paths: [
      ["M8 1l7 7-7 7-7-7z", "full"],
      ["M6.4 6.4a1.7 1.7 0 1 1 2.4 1.9L8 9M8 11v.5", "mark"],
    ],
  },
  tripped: {
    kind: "bad",
    paths: [
      ["M2 1h12v14H2z", "full"],
      ["M9 3.5L6 8.2h4L7 12.5", "mark"],
    ],
  },
  unchecked: { kind: "plain", paths: [["M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "line"]] },
  unresolved: {
    kind: "warn",
    paths: [
      ["M8 1l7.5 13.5H.5z", "full"],
      ["M8 6v4M8 12.2v.6", "mark"],
    ],
  },
};

/** How many endpoints are in each state that occurs. */
export function countStates(endpoints) {
  const counts = {};
  for (const { state } of endpoints) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
