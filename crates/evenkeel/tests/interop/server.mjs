// The small site of content.py on Node's own server: `node server.mjs PORT`. Also has the page for the browser.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";

const MIB = 1 << 20;
const EVENTS = 5;
const seen = new Map();
const waiting = new Map();

function* noise(mib) {
  for (let number = 0; number < mib; number++) {
    yield Buffer.alloc(MIB, `${String(number).padStart(31, "0")}\n`);
  }
}

const text = Array.from({ length: 5000 }, (_, n) => `line ${n} of a text that compresses well\n`);
const compressed = gzipSync(text.join(""));

const cookies = [
  "first=1; Path=/",
  "second=two; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Path=/",
];

// Status, fields and body of what needs no more than a head.
const simple = {
  "/cookies": (request) => [200, { "Set-Cookie": cookies }, request.headers.cookie ?? ""],
  "/redirect": () => [302, { Location: "/echo" }, "over there"],
  "/redirect-post": () => [307, { Location: "/echo" }, "over there"],
  "/gzip": () => [200, { "Content-Encoding": "gzip", ETag: '"zipped"' }, compressed],
  "/tagged": (request) =>
    request.headers["if-none-match"] === '"this"'
      ? [304, { ETag: '"this"' }, null]
      : [200, { ETag: '"this"' }, "tagged"],
  "/close": () => [200, { Connection: "close" }, "the last on this connection"],
  "/refuse": () => [413, { Connection: "close" }, "too large"],
  "/page": () => [200, { "Content-Type": "text/html" }, file("page.html")],
  "/style.css": () => [200, { "Content-Type": "text/css" }, file("style.css")],
  "/image.svg": () => [200, { "Content-Type": "image/svg+xml" }, file("image.svg")],
};

const file = (name) => readFileSync(new URL(name, import.meta.url));

async function echo(request, response) {
  const digest = createHash("sha256");
  let length = 0;
  for await (const block of request) {
    digest.update(block);
    length += block.length;
  }
  const shown = ["content-length", "transfer-encoding", "x-forwarded-for", "host", "content-type"];
  const fields = Object.fromEntries(
    shown.filter((name) => name in request.headers).map((name) => [name, request.headers[name]]),
  );
  const answer = { method: request.method, length, sha256: digest.digest("hex"), fields };
  finish(response, 200, { "Content-Type": "application/json" }, JSON.stringify(answer));
}

async function sendNoise(response, query) {
  const mib = Number(query.get("mib"));
  const digest = createHash("sha256");
  for (const block of noise(mib)) digest.update(block);
  response.setHeader("X-Sha256", digest.digest("hex"));
  if (!query.has("chunked")) response.setHeader("Content-Length", mib * MIB);
  for (const block of noise(mib)) {
    if (!response.write(block)) await new Promise((resume) => response.once("drain", resume));
  }
  response.end();
}

async function sendEvents(response, id) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  for (let number = 0; number < EVENTS; number++) {
    while ((seen.get(id) ?? 0) < number) {
      await new Promise((resume) => waiting.set(id, resume));
    }
    response.write(`data: ${number}\n\n`);
  }
  response.end();
}

function countSeen(response, id) {
  seen.set(id, (seen.get(id) ?? 0) + 1);
  waiting.get(id)?.();
  finish(response, 200, {}, "");
}

function finish(response, status, fields, body) {
  if (body !== null) response.setHeader("Content-Length", Buffer.byteLength(body));
  response.writeHead(status, fields);
  response.end(body);
}

async function respond(request, response) {
  const { pathname, searchParams } = new URL(request.url, "http://site");
  if (pathname === "/noise") return sendNoise(response, searchParams);
  if (pathname === "/events") return sendEvents(response, searchParams.get("id"));
  if (pathname === "/seen") return countSeen(response, searchParams.get("id"));
  if (pathname === "/verdict") {
    for await (const block of request) console.log(`verdict: ${block}`);
    return finish(response, 200, {}, "");
  }
  if (pathname in simple) return finish(response, ...simple[pathname](request));
  return echo(request, response);
}

// A client that goes away in the middle costs its own exchange only.
const server = createServer((request, response) => respond(request, response).catch(() => response.destroy()));
// Longer than a test: a connection that the server closes while a POST is on its way is a failure that nobody can mend.
server.keepAliveTimeout = 120_000;
server.on("clientError", (error, socket) => {
  console.error(`client error: ${error.message}`);
  socket.destroy();
});
// After the handshake of a WebSocket the bytes come back as they are; its frames are the business of other tests.
server.on("upgrade", (request, socket, head) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\nready`,
  );
  socket.write(head);
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
