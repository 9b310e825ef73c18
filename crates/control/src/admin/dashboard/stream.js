// Keeps the connection to the balancer: a stream of server-sent events, and questions now and then while there is none. Started
// by app.js.

/** Calls `on.status`, `on.event` and `on.link` (live, lost or polling; and since when) for as long as the page is open. */
export class Stream {
  #on;
  #source = null;
  #latest = null;
  #retries = 0;
  #timer = 0;
  #hiddenAt = document.hidden ? performance.now() : null;
  #resting = false;

  constructor(on) {
    this.#on = on;
    document.addEventListener("visibilitychange", () => this.#lookedAt());
    setInterval(() => this.#watch(), 1000);
    this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    this.#source?.close();
    const source = new EventSource("/api/v1/stream");
    this.#source = source;
    source.addEventListener("status", ({ data }) => this.#took(JSON.parse(data), "live"));
    source.addEventListener("event", ({ data }) => this.#on.event(JSON.parse(data)));
    // While the browser tries again by itself there is nothing to do; a refusal (503: too many streams) it takes for final.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && source === this.#source) this.#ask();
    });
  }

  /** Asks once for what the stream would say, and tries the stream again later. */
  async #ask() {
    this.#source = null;
    try {
      const answer = await fetch("/api/v1/status", {
        signal: AbortSignal.timeout(ASK_TIMEOUT),
        cache: "no-store",
      });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.#took(await answer.json(), "polling");
    } catch {
      this.#retries += 1;
    }
    if (this.#resting) return;
    // Not all at once: a restarted balancer has many pages coming back.
    const pause = Math.min(RETRY_MAX, RETRY * 2 ** this.#retries) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#open(), pause);
  }

  #took(status, link) {
    this.#latest = performance.now();
    this.#retries = 0;
    this.#on.status(status);
    this.#on.link(link, this.#latest);
  }

  /** An open stream that says nothing is as lost as a closed one: a cable has been pulled. */
  #watch() {
    if (this.#resting) return;
    const now = performance.now();
    if (this.#hiddenAt !== null && now - this.#hiddenAt > HIDDEN_MAX) return this.#rest();
    const silent = now - (this.#latest ?? 0);
    if (silent > SILENCE_MAX) this.#on.link("lost", this.#latest);
    if (silent > DEAD && this.#source?.readyState === EventSource.OPEN) this.#open();
  }

  /** A page that nobody looks at must not take a stream from one that somebody does. */
  #rest() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#resting = true;
  }

  #lookedAt() {
    this.#hiddenAt = document.hidden ? performance.now() : null;
    if (document.hidden || !this.#resting) return;
    this.#resting = false;
    this.#open();
  }
}

/** All in milliseconds. */
const RETRY = 2_000;
const RETRY_MAX = 15_000;
const ASK_TIMEOUT = 5_000;
const SILENCE_MAX = 4_000;
const DEAD = 30_000;
const HIDDEN_MAX = 300_000;
