// Asks a server through the balancer with Node's own client: `node client.mjs HOST:PORT CHECK…`.
// Each check is a function here; its name is printed when it has passed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { gunzipSync } from "node:zlib";

const MIB = 1 << 20;
const MIB_SENT = 33;
const EVENTS = 5;
const [, , address, ...names] = process.argv;
const [host, port] = address.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function* noise(mib) {
  for (let number = 0; number < mib; number++) {
    yield Buffer.alloc(MIB, `${String(number).padStart(31, "0")}\n`);
  }
}

function digestOfNoise(mib) {
  const digest = createHash("sha256");
  for (const block of noise(mib)) digest.update(block);
  return digest.digest("hex");
}

const start = (method, path, headers = {}, more = {}) =>
  request({ host, port, method, path, headers, agent, ...more });

async function answerTo(sending) {
  const [response] = await once(sending, "response");
  return response;
}

async function text(response) {
  const blocks = [];
  for await (const block of response) blocks.push(block);
  response.body = Buffer.concat(blocks);
  return response;
}

async function ask(method, path, headers, body) {
  const sending = start(method, path, headers);
  sending.end(body);
  return text(await answerTo(sending));
}

async function digestOf(response) {
  const digest = createHash("sha256");
  for await (const block of response) digest.update(block);
  return digest.digest("hex");
}

async function send(sending, blocks) {
  for (const block of blocks) {
    if (!sending.write(block)) await once(sending, "drain");
  }
  sending.end();
}

const checks = {
  async methods() {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const body = method === "GET" ? "" : "some bytes";
      const response = await ask(method, "/echo", { "Content-Length": body.length }, body);
      const echoed = JSON.parse(response.body);
      assert.deepEqual([echoed.method, echoed.length], [method, body.length]);
    }
    const head = await ask("HEAD", "/echo");
    assert.deepEqual([head.statusCode, head.body.length], [200, 0]);
  },

  async upload() {
    const wanted = digestOfNoise(MIB_SENT);
    for (const headers of [{ "Content-Length": MIB_SENT * MIB }, { "Transfer-Encoding": "chunked" }]) {
      const sending = start("POST", "/echo", headers);
      const answered = answerTo(sending);
      await send(sending, noise(MIB_SENT));
      const echoed = JSON.parse((await text(await answered)).body);
      assert.deepEqual([echoed.length, echoed.sha256], [MIB_SENT * MIB, wanted]);
    }
  },

  async download() {
    for (const path of ["/noise?mib=33", "/noise?mib=33&chunked=1"]) {
      const sending = start("GET", path).end();
      const response = await answerTo(sending);
      assert.equal(await digestOf(response), response.headers["x-sha256"]);
    }
  },

  // The body of a client that stops reading arrives whole, and others are served meanwhile.
  async paused() {
    const slow = await answerTo(start("GET", "/noise?mib=33", {}, { agent: new Agent() }).end());
    for (let n = 0; n < 50; n++) assert.equal(String((await ask("GET", "/tagged")).body), "tagged");
    assert.equal(await digestOf(slow), slow.headers["x-sha256"]);
  },

  async cookies() {
    const response = await ask("GET", "/cookies", { Cookie: ["a=b", "c=d"] });
    assert.equal(String(response.body), "a=b; c=d");
    assert.equal(response.headers["set-cookie"].length, 2);
    assert.match(response.headers["set-cookie"][1], /^second=two; .*Wed, 21 Oct 2099/i);
  },

  async redirect() {
    const response = await ask("GET", "/redirect");
    assert.deepEqual([response.statusCode, response.headers.location], [302, "/echo"]);
  },

  async compressed() {
    const response = await ask("GET", "/gzip", { "Accept-Encoding": "gzip" });
    assert.equal(response.headers["content-encoding"], "gzip");
    assert.match(String(gunzipSync(response.body)), /^line 0 of a text/);
  },

  async conditional() {
    const response = await ask("GET", "/tagged", { "If-None-Match": '"this"' });
    assert.deepEqual([response.statusCode, response.body.length], [304, 0]);
  },

  // Each event is here before the server sends the next: it waits until this one was seen.
  async events() {
    const stream = await answerTo(start("GET", "/events?id=node", {}, { agent: new Agent() }).end());
    let number = 0;
    for await (const block of stream) {
      assert.equal(String(block), `data: ${number}\n\n`);
      number++;
      await ask("POST", "/seen?id=node");
    }
    assert.equal(number, EVENTS);
  },

  // The body is sent when the server has asked for it.
  async expect() {
    const sending = start("POST", "/echo", { Expect: "100-continue", "Content-Length": 100_000 });
    const answered = answerTo(sending);
    sending.flushHeaders();
    await once(sending, "continue");
    sending.end(Buffer.alloc(100_000, "x"));
    assert.equal(JSON.parse((await text(await answered)).body).length, 100_000);
  },

  // The server refuses before the body is sent, and the client learns why.
  async refuse() {
    const sending = start("POST", "/refuse", { "Content-Length": 64 * MIB }, { agent: new Agent() });
    // The rest cannot be sent; what counts is the answer.
    sending.on("error", () => {});
    const answered = new Promise((resolve) => sending.on("response", resolve));
    const sent = send(sending, noise(64));
    sent.catch(() => {});
    const response = await text(await answered);
    assert.deepEqual([response.statusCode, String(response.body)], [413, "too large"]);
    sending.destroy();
  },

  // A tunnel: what is sent comes back, whichever side ends first ends it for both.
  async upgrade() {
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Key": Buffer.alloc(16, "k").toString("base64"),
      "Sec-WebSocket-Version": "13",
    };
    const sending = start("GET", "/socket", headers, { agent: new Agent() }).end();
    const [response, socket, head] = await once(sending, "upgrade");
    assert.equal(response.statusCode, 101);
    const wanted = Buffer.concat([Buffer.from("ready"), ...noise(9)]);
    let received = head;
    socket.on("data", (block) => (received = Buffer.concat([received, block])));
    for (const block of noise(9)) if (!socket.write(block)) await once(socket, "drain");
    socket.end();
    await once(socket, "end");
    assert(received.equals(wanted), `${received.length} bytes came back of ${wanted.length}`);
  },

  async closing() {
    for (let n = 0; n < 5; n++) {
      assert.equal(String((await ask("GET", "/close")).body), "the last on this connection");
    }
  },

  async file() {
    const response = await answerTo(start("GET", "/large").end());
    assert.equal(await digestOf(response), digestOfNoise(MIB_SENT));
    assert.equal((await ask("GET", "/absent")).statusCode, 404);
  },

  async ranges() {
    const [whole] = noise(1);
    const response = await ask("GET", "/large", { Range: "bytes=1000-1999" });
    assert.equal(response.statusCode, 206);
    assert(response.body.equals(whole.subarray(1000, 2000)));
  },

  async unchanged() {
    const first = await ask("HEAD", "/text");
    const since = { "If-Modified-Since": first.headers["last-modified"] };
    assert.equal((await ask("GET", "/text", since)).statusCode, 304);
  },

  async directory() {
    const response = await ask("GET", "/dav");
    assert.equal(response.statusCode, 301);
    assert.match(response.headers.location, /\/dav\/$/);
  },
};

// A check that hangs is a failure with a name.
const watchdog = setTimeout(() => {
  console.error("no end");
  process.exit(1);
}, 60_000);
for (const name of names) {
  console.error(`checking ${name}`);
  await checks[name]();
  console.log(name);
}
clearTimeout(watchdog);
agent.destroy();
process.exit(0);
