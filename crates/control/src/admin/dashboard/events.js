// The list of what has happened lately, newest first. Fed by app.js for each event.

import { byId, drawing, element } from "./dom.js";
import * as format from "./format.js";

/** Adds one event, unless it is there already: a stream that comes back may repeat some. */
export function showEvent(event) {
  const list = byId("events");
  const key = `${event.at_unix_seconds} ${event.seq}`;
  if ([...list.children].some((item) => item.dataset.key === key)) return;
  const subject = [event.cluster, event.endpoint].filter(Boolean).join(" / ");
  const when = element("time", "", format.time(event.at_unix_seconds));
  // A report of several lines is drawn with signs that want to stand below each other.
  const [first, ...rest] = event.text.split("\n");
  const text = element("p", "", ...(subject ? [element("strong", "", subject), " "] : []), first);
  const item = element("li", "", when, level(event.level), text);
  if (rest.length > 0) item.append(element("pre", "", rest.join("\n")));
  item.dataset.key = key;
  list.prepend(item);
  while (list.children.length > EVENTS_MAX) list.lastElementChild.remove();
  byId("no-events").hidden = true;
}

function level(name) {
  const { kind, paths } = LEVELS[name] ?? LEVELS.info;
  return element(
    "span",
    `badge ${kind}`,
    drawing("shape", 16, ...paths),
    element("span", "spoken", name),
  );
}

const LEVELS = {
  info: { kind: "plain", paths: [["M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "line"]] },
  warn: {
    kind: "warn",
    paths: [
      ["M8 1l7.5 13.5H.5z", "full"],
      ["M8 6v4M8 12.2v.6", "mark"],
    ],
  },
  error: {
    kind: "bad",
    paths: [
      ["M5 1h6l4 4v6l-4 4H5l-4-4V5z", "full"],
      ["M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2", "mark"],
    ],
  },
};

const EVENTS_MAX = 200;
