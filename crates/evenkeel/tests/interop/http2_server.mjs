// An endpoint of HTTP/2 in clear text: `node http2_server.mjs PORT`. It says back what it is sent, also over a WebSocket (RFC 8441),
// which the message "close" makes it close with code 4001.
import http2 from 'node:http2';
import { Frames } from './ws_frames.mjs';

const WISH = Buffer.from('close');
const PARTING = Frames.encode(8, Buffer.from('\x0f\xa1as you wish', 'latin1'), null);

const server = http2.createServer({ settings: { enableConnectProtocol: true } });
const sessions = [];
server.on('session', (session) => sessions.push(session));
server.on('stream', (stream, head) => {
  stream.on('error', () => {});
  if (head[':method'] === 'CONNECT') {
    if (head[':path'] === '/refused') return stream.respond({ ':status': 403 }, { endStream: true });
    const protocol = head['sec-websocket-protocol']?.split(',')[0];
    stream.respond({ ':status': 200, ...(protocol && { 'sec-websocket-protocol': protocol }) });
    const frames = new Frames();
    let isParting = false;
    stream.on('data', (bytes) => {
      for (const frame of frames.push(bytes)) {
        if (frame.opcode === 1 && frame.payload.equals(WISH)) {
          isParting = true;
          stream.write(PARTING);
        } else if (!isParting) {
          stream.write(Frames.encode(frame.opcode, frame.payload, null, frame.isLast));
        }
        if (frame.opcode === 8) stream.end();
      }
    });
    return;
  }
  switch (head[':path']) {
    case '/head':
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      return stream.end(JSON.stringify({ ...head, session: sessions.indexOf(stream.session) }));
    case '/trailers':
      stream.respond({ ':status': 200, trailer: 'x-sum' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
      return stream.end('body');
    case '/early':
      stream.additionalHeaders({ ':status': 103, link: '</style.css>' });
      stream.respond({ ':status': 200 });
      return stream.end('late');
    default:
      stream.respond({ ':status': 200 });
      return stream.pipe(stream);
  }
});
server.listen(Number(process.argv[2]), '127.0.0.1');
