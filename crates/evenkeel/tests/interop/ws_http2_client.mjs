// WebSockets over one connection of HTTP/2 (RFC 8441): `node ws_http2_client.mjs ADDRESS`. The other side says back what it is sent.
import http2 from 'node:http2';
import { Frames } from './ws_frames.mjs';

const session = http2.connect(`http://${process.argv[2]}`);
await new Promise((done, failed) => {
  session.once('remoteSettings', done);
  session.once('error', failed);
});
if (!session.remoteSettings.enableConnectProtocol) throw new Error('no tunnels are offered');

async function talk(messages) {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo',
    'sec-websocket-version': '13', 'sec-websocket-protocol': 'chat', origin: 'http://test',
  });
  const status = await new Promise((done, failed) => {
    stream.once('response', (head) => done(head[':status']));
    stream.once('error', failed);
  });
  if (status !== 200) throw new Error(`status ${status}`);
  const frames = new Frames();
  const mask = Buffer.from([1, 2, 3, 4]);
  const answers = (async function* () {
    for await (const bytes of stream) yield* frames.push(bytes);
  })();
  for (const message of messages) {
    stream.write(Frames.encode(2, message, mask));
    let answer = (await answers.next()).value;
    if (answer.opcode > 2 || !answer.payload.equals(message)) throw new Error(`not what was sent: ${answer.opcode} ${answer.payload.length}`);
  }
  stream.write(Frames.encode(8, Buffer.from([0x03, 0xe8]), mask));
  const last = (await answers.next()).value;
  if (last.opcode !== 8 || last.payload.readUInt16BE(0) !== 1000) throw new Error('no good-bye');
  stream.end();
}

const large = Buffer.alloc(1 << 20, 'x');
await Promise.all([1, 2, 3, 4].map((number) => talk([Buffer.from(`hello ${number}`), large, Buffer.alloc(0)])));
console.log('talked');

const refused = session.request({ ':method': 'CONNECT', ':protocol': 'chat', ':path': '/' });
const status = await new Promise((done) => {
  refused.once('response', (head) => done(head[':status']));
  refused.once('error', (error) => done(error.code));
});
console.log(`other protocols: ${status}`);
refused.close();

const plain = session.request({ ':path': '/' });
plain.resume();
plain.once('end', () => session.close());
