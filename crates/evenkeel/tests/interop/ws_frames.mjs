// Frames of WebSocket (RFC 6455 §5.2), for where no library speaks them over HTTP/2.
export class Frames {
  #bytes = Buffer.alloc(0);

  /** The frames that are complete with `bytes`. */
  push(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const frames = [];
    for (let frame = this.#take(); frame; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take() {
    const bytes = this.#bytes;
    if (bytes.length < 2) return null;
    let length = bytes[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return null;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return null;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    const masked = bytes[1] & 0x80;
    const begin = at + (masked ? 4 : 0);
    if (bytes.length < begin + length) return null;
    const payload = Buffer.from(bytes.subarray(begin, begin + length));
    if (masked) payload.forEach((byte, index) => (payload[index] = byte ^ bytes[at + (index % 4)]));
    this.#bytes = bytes.subarray(begin + length);
    return { isLast: (bytes[0] & 0x80) !== 0, opcode: bytes[0] & 0x0f, payload };
  }

  /** One frame, masked with four bytes if it is a client's; the last of its message, or not. */
  static encode(opcode, payload, mask, isLast = true) {
    const head = [(isLast ? 0x80 : 0) | opcode];
    const bit = mask ? 0x80 : 0;
    if (payload.length < 126) head.push(bit | payload.length);
    else if (payload.length < 65536) head.push(bit | 126, payload.length >> 8, payload.length & 0xff);
    else {
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(BigInt(payload.length));
      head.push(bit | 127, ...length);
    }
    if (!mask) return Buffer.concat([Buffer.from(head), payload]);
    const masked = payload.map((byte, index) => byte ^ mask[index % 4]);
    return Buffer.concat([Buffer.from([...head, ...mask]), masked]);
  }
}
