// Drives Chromium over the pipe of its DevTools protocol, with nothing but Node. Used by dashboard.mjs.

import { spawn } from "node:child_process";

/** Starts the browser `command`, whose words are its flags; it is killed when we end. */
export async function start(command, flags) {
  // Fd 3 takes our messages and fd 4 brings its own, each ended by a NUL.
  const stdio = ["ignore", "ignore", "inherit", "pipe", "pipe"];
  const browser = spawn(command, [...flags, "--remote-debugging-pipe"], { stdio });
  process.on("exit", () => browser.kill("SIGKILL"));
  const protocol = new Protocol(browser.stdio[3], browser.stdio[4]);
  const { targetInfos } = await protocol.send("Target.getTargets");
  const { targetId } = targetInfos.find(({ type }) => type === "page");
  const { sessionId } = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
  return new Page(protocol, sessionId);
}

/** A page, and what went wrong on it. */
export class Page {
  /** Whatever the browser complained about: exceptions, failed loads, violations of the policy. */
  complaints = [];
  #protocol;
  #session;

  constructor(protocol, session) {
    this.#protocol = protocol;
    this.#session = session;
    protocol.on = ({ method, params }) => this.#heard(method, params);
  }

  async open(url) {
    for (const domain of ["Runtime", "Log", "Page"]) await this.send(`${domain}.enable`);
    await this.send("Page.navigate", { url });
    await this.until(
      `${url} is loaded`,
      `location.href === ${JSON.stringify(url)} && document.readyState === "complete"`,
    );
  }

  send(method, params = {}) {
    return this.#protocol.send(method, params, this.#session);
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const answer = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (answer.exceptionDetails)
      throw new Error(`${expression}: ${answer.exceptionDetails.exception?.description}`);
    return answer.result.value;
  }

  /** Waits until an expression is true; says what it was about if it never is. */
  async until(what, expression, seconds = 30) {
    const ends = Date.now() + seconds * 1000;
    while (!(await this.evaluate(expression))) {
      if (Date.now() > ends)
        throw new Error(
          `not within ${seconds} s: ${what}; complaints: ${this.complaints.join("; ")}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A real click in the middle of what a selector finds. */
  async click(selector) {
    const { x, y } = await this.evaluate(`(() => {
      const found = document.querySelector(${JSON.stringify(selector)});
      found.scrollIntoView({ block: "center", behavior: "instant" });
      const { x, y, width, height } = found.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`);
    const mouse = { x, y, button: "left", clickCount: 1 };
    for (const type of ["mousePressed", "mouseReleased"])
      await this.send("Input.dispatchMouseEvent", { type, ...mouse });
  }

  #heard(method, params) {
    if (method === "Runtime.exceptionThrown")
      this.complaints.push(
        params.exceptionDetails.exception?.description ?? params.exceptionDetails.text,
      );
    if (method === "Runtime.consoleAPICalled" && params.type === "error")
      this.complaints.push(JSON.stringify(params.args));
    if (method === "Log.entryAdded" && params.entry.level === "error")
      this.complaints.push(`${params.entry.text} ${params.entry.url ?? ""}`);
  }
}

/** Questions and answers, matched by number. */
class Protocol {
  on = () => {};
  #out;
  #waiting = new Map();
  #number = 0;

  constructor(out, into) {
    this.#out = out;
    let rest = "";
    into.setEncoding("utf8");
    into.on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      for (const message of messages) this.#took(JSON.parse(message));
    });
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#number;
    this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { method, resolve, reject }));
  }

  #took({ id, error, result, ...message }) {
    if (id === undefined) return this.on(message);
    const { method, resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) reject(new Error(`${method}: ${error.message}`));
    else resolve(result);
  }
}
