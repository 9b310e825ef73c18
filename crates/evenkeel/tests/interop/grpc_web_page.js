// Calls of gRPC-Web to `grpc_server.py` from a page, by the client of the gRPC project: the package `grpc-web`, beside this file. Says in
// `verdict` what went wrong, or which checks have passed.

import { GrpcWebClientBase, MethodDescriptor, StatusCode } from "./grpc-web.js";

const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);

function equal(seen, wanted) {
  const [one, other] = [seen, wanted].map((it) => JSON.stringify(it));
  if (one !== other) throw new Error(`${one} is not ${other}`);
}

/** A method whose messages are bytes. */
function method(name, type) {
  const asItIs = (bytes) => bytes;
  return new MethodDescriptor(`/test.Echo/${name}`, type, Uint8Array, Uint8Array, asItIs, asItIs);
}

/** What a client does whose bodies are `text` or `binary`. */
class Calls {
  constructor(format) {
    this.client = new GrpcWebClientBase({ format });
  }

  async one(message, metadata = {}, name = "Unary") {
    const descriptor = method(name, "unary");
    return this.client.unaryCall(location.origin + descriptor.name, message, metadata, descriptor);
  }

  /** All messages of a stream; each is shown to `look` when it comes. */
  many(name, message, look = () => {}) {
    const descriptor = method(name, "server_streaming");
    const url = location.origin + descriptor.name;
    const stream = this.client.serverStreaming(url, message, {}, descriptor);
    const messages = [];
    return new Promise((resolve, reject) => {
      stream.on("data", (bytes) => {
        messages.push(decode(bytes));
        look(bytes);
      });
      stream.on("error", reject);
      stream.on("end", () => resolve(messages));
    });
  }

  async fails(message, metadata = {}) {
    try {
      await this.one(encode(message), metadata);
    } catch (error) {
      return error;
    }
    throw new Error(`${message} was to fail`);
  }
}

const checks = {
  async unary(calls) {
    equal(decode(await calls.one(encode("x"))), "x");
  },

  async large(calls) {
    const message = Uint8Array.from({ length: 1 << 20 }, (_, at) => (at * 7) >> 3);
    const answer = await calls.one(message);
    equal(answer.length, message.length);
    equal(
      answer.findIndex((byte, at) => byte !== message[at]),
      -1,
    );
  },

  async stream(calls) {
    equal(await calls.many("Down", encode("x")), ["x0", "x1", "x2", "x3", "x4"]);
  },

  async failure(calls) {
    const error = await calls.fails("fail");
    equal([error.code, error.message], [StatusCode.FAILED_PRECONDITION, "no \u00fc"]);
    equal(error.metadata.why, "because");
  },

  async deadline(calls) {
    const left = Number(decode(await calls.one(encode("left"), { deadline: Date.now() + 20_000 })));
    if (!(left > 10 && left < 21)) throw new Error(`${left} s are left`);
    const error = await calls.fails("slow", { deadline: Date.now() + 500 });
    equal(error.code, StatusCode.DEADLINE_EXCEEDED);
  },
};

/** Each message of a stream is there before the next one is sent. Only text comes to a page bit by bit. */
async function turns(calls) {
  const see = () => calls.one(new Uint8Array(), {}, "See");
  const messages = await calls.many("Drip", new Uint8Array(), see);
  equal(messages, ["\n\u00010", "\n\u00011", "\n\u00012", "\n\u00013", "\n\u00014"]);
}

async function all() {
  const passed = [];
  for (const format of ["binary", "text"]) {
    const calls = new Calls(format);
    const todo = format === "text" ? { ...checks, turns } : checks;
    for (const [name, check] of Object.entries(todo)) {
      try {
        await check(calls);
      } catch (error) {
        return `${format} ${name}: ${error.code ?? ""} ${error.message}`;
      }
      passed.push(`${format} ${name}`);
    }
  }
  return passed.join(", ");
}

globalThis.verdict = await all();
