// Calls of gRPC-Web to `grpc_server.py` by Connect's client, over fetch: `node grpc_web_connect.mjs PACKAGES ADDRESS CHECK…`. Prints each check that
// has passed.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [, , packages, address, ...names] = process.argv;
const require = createRequire(`${packages}/`);
const { create, createFileRegistry } = require("@bufbuild/protobuf");
const wkt = require("@bufbuild/protobuf/wkt");
const { Code, ConnectError, createClient } = require("@connectrpc/connect");
const { createGrpcWebTransport } = require("@connectrpc/connect-web");

// What a compiler of `.proto` files would write: every message is a `BytesValue`.
const bytes = ".google.protobuf.BytesValue";
const method = (name, serverStreaming = false) => {
  return { name, serverStreaming, inputType: bytes, outputType: bytes };
};
const file = create(wkt.FileDescriptorProtoSchema, {
  name: "test.proto",
  package: "test",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [{ name: "Echo", method: [method("Unary"), method("See"), method("Drip", true)] }],
});
const registry = createFileRegistry(file, () => wkt.file_google_protobuf_wrappers.proto);
const transport = createGrpcWebTransport({ baseUrl: `http://${address}` });
const client = createClient(registry.getService("test.Echo"), transport);

/** The error of a call that has to have one. */
async function failure(call) {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  return assert.fail("it was to fail");
}

const checks = {
  async unary() {
    const value = new Uint8Array(1 << 20).fill(7);
    assert.deepEqual((await client.unary({ value })).value, value);
  },

  // Each message is there before the next one is sent.
  async turns() {
    const seen = [];
    for await (const { value } of client.drip({})) {
      seen.push(Buffer.from(value).toString());
      await client.see({});
    }
    assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  },

  // The server knows no such method, which is all of its answer.
  async unknown() {
    const other = create(wkt.FileDescriptorProtoSchema, {
      ...file,
      service: [{ name: "Other", method: [method("Unary")] }],
    });
    const others = createFileRegistry(other, () => wkt.file_google_protobuf_wrappers.proto);
    const call = createClient(others.getService("test.Other"), transport).unary({});
    assert.equal((await failure(call)).code, Code.Unimplemented);
  },

  async unavailable() {
    const error = await failure(client.unary({}));
    assert.equal(error.code, Code.Unavailable);
    assert.equal(error.rawMessage, "No endpoint accepted a connection.");
  },
};

for (const name of names) {
  await checks[name]();
  console.log(name);
}
