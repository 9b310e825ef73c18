// An endpoint of HTTP/2 in clear text: `node http2_server.mjs PORT`. It says back what it is sent, also over a WebSocket (RFC 8441).
import http2 from 'node:http2';
import { Frames } from './ws_frames.mjs';

const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.on('stream', (stream, head) => {
  stream.on('error', () => {});
  if (head[':method'] === 'CONNECT') {
    stream.respond({ ':status': head[':path'] === '/refused' ? 403 : 200 }, { endStream: head[':path'] === '/refused' });
    const frames = new Frames();
    stream.on('data', (bytes) => {
      for (const frame of frames.push(bytes)) {
        stream.write(Frames.encode(frame.opcode, frame.payload, null));
        if (frame.opcode === 8) stream.end();
      }
    });
    return;
  }
  switch (head[':path']) {
    case '/head':
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      return stream.end(JSON.stringify(head));
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
