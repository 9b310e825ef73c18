// The latest requests that failed, were slow, or needed more than one attempt; a click unfolds what is remembered of one.
// Asks the admin API by itself, and only while somebody looks.

import { byId, drawing, element } from "./dom.js";
import * as format from "./format.js";

/** Keeps the list up to date. */
export function followStories() {
  refresh();
  setInterval(refresh, EVERY_MS);
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(`/api/v1/why?limit=${STORIES_MAX}`);
    if (answer.ok) show(await answer.json());
  } catch {
    // The stream says that the connection is lost, and this is asked again.
  }
}

/** Puts the new ones on top; those that are there stay, and unfolded ones stay so. */
function show({ stories }) {
  const list = byId("stories");
  const there = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const wanted = stories.map((story) => there.get(story.request_id) ?? item(story));
  const unfolded = [...list.children].filter(
    (each) => each.querySelector("details").open && !wanted.includes(each),
  );
  const items = [...wanted, ...unfolded];
  if (items.some((each, position) => list.children[position] !== each)) list.replaceChildren(...items);
  while (list.children.length > items.length) list.lastElementChild.remove();
  byId("no-stories").hidden = items.length > 0;
}

function item(story) {
  const end = [story.status ?? "no answer", story.grpc_status, story.reason].filter(Boolean).join(" ");
  const request = story.method ? `${story.method} ${story.host ?? ""}${story.path}` : "no head";
  const { kind, word, paths } = KINDS[story.kind] ?? KINDS.failed;
  const badge = element(
    "span",
    `badge ${kind}`,
    drawing("shape", 16, ...paths),
    element("span", "spoken", word),
  );
  const summary = element(
    "summary",
    "",
    element("time", "", format.time(story.began_unix_seconds)),
    badge,
    element("strong", "", end),
    element("span", "request", request),
    element("span", "took", format.latency(story.total_seconds)),
  );
  const told = element("div", "told", element("p", "", story.sentence));
  const details = element("details", "", summary, told);
  details.addEventListener("toggle", () => unfold(story, told), { once: true });
  const made = element("li", "", details);
  made.dataset.id = story.request_id;
  return made;
}

async function unfold({ request_id: id }, told) {
  try {
    const answer = await fetch(`/api/v1/why/${encodeURIComponent(id)}`);
    const story = await answer.json();
    told.append(...(answer.ok ? parts(story) : [element("p", "hint", `${story.error}: ${story.help}`)]));
  } catch {
    told.append(element("p", "hint", "The balancer does not answer."));
  }
}

function parts({ summary, listener, client, route, rule, attempts, candidates }) {
  const unrouted = rule?.of === "listener" ? "no route was looked for" : null;
  const way = [listener, route ?? unrouted, summary.cluster].filter(Boolean).join(" → ");
  const facts = element("p", "hint", `${summary.request_id} · from ${client} · ${way}`);
  return [
    facts,
    ...table(ATTEMPT, attempts.map(attemptRow)),
    ...table(CANDIDATE, candidates.map(candidateRow)),
  ];
}

const attemptRow = (attempt) => [
  [attempt.endpoint, "code"],
  [attempt.began_seconds > 0 ? `+${format.latency(attempt.began_seconds)}` : "at once", "figure"],
  [attempt.pooled ? "idle one" : time(attempt.connected_seconds), "figure"],
  [time(attempt.first_byte_seconds), "figure"],
  [time(attempt.ended_seconds), "figure"],
  [attempt.words.replace(`${attempt.endpoint} `, attempt.hedge ? "(hedge) " : ""), ""],
];

const candidateRow = (candidate) => [
  [candidate.endpoint, "code"],
  [format.count(candidate.in_flight), "figure"],
  [time(candidate.expected_seconds), "figure"],
  [[candidate.tried && "tried", candidate.barred].filter(Boolean).join(", "), ""],
];

const time = (seconds) => (seconds === null ? format.NONE : format.latency(seconds));

function table(columns, rows) {
  if (rows.length === 0) return [];
  const head = columns.map((column, at) => element("th", rows[0][at][1], column));
  const body = rows.map((cells) =>
    element("tr", "", ...cells.map(([text, kind]) => element("td", kind, text))),
  );
  const all = [element("thead", "", element("tr", "", ...head)), element("tbody", "", ...body)];
  return [element("div", "scroller", element("table", "", ...all))];
}

const ATTEMPT = ["Attempt at", "Began", "Connected", "First byte", "Over", "What came of it"];
const CANDIDATE = ["To choose from", "In flight", "Expected", ""];

const KINDS = {
  failed: {
    kind: "bad",
    word: "failed",
    paths: [
      ["M5 1h6l4 4v6l-4 4H5l-4-4V5z", "full"],
      ["M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2", "mark"],
    ],
  },
  rescued: {
    kind: "plain",
    word: "took several attempts",
    paths: [["M13 8a5 5 0 1 1-1.5-3.5M12 1.5v3.2H8.8", "line"]],
  },
  slow: {
    kind: "warn",
    word: "slow",
    paths: [
      ["M8 1l7.5 13.5H.5z", "full"],
      ["M8 6v4M8 12.2v.6", "mark"],
    ],
  },
  client: {
    kind: "plain",
    word: "refused or broken off",
    paths: [["M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "line"]],
  },
};

const STORIES_MAX = 20;

const EVERY_MS = 2_000;
