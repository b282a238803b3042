// A WebSocket without a network, and the bytes of a peer.

export class FakeWebSocket {
  static made = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeWebSocket.made.push(this);
  }

  static get last() {
    return FakeWebSocket.made.at(-1);
  }

  send(bytes) {
    this.sent.push(...bytes);
  }

  close() {
    this.readyState = 3;
  }

  // ===== what a test does =====

  open() {
    this.readyState = 1;
    this.onopen();
  }

  comes(bytes) {
    this.onmessage?.({ data: Uint8Array.from(bytes).buffer });
  }

  breaks() {
    this.readyState = 3;
    this.onclose?.({ code: 1006, reason: '' });
  }

  /** The bytes that were sent since the last look. */
  take() {
    return this.sent.splice(0);
  }

  /** Opens the connection and shakes hands as this peer. */
  shake(peer = 7) {
    this.open();
    this.comes(hello(peer));
    return this.take();
  }
}

export const id = (byte) => Array(16).fill(byte);
export const frame = (...body) => [0, 0, body.length >> 8, body.length & 255, ...body];
export const hello = (peer) => frame(1, 1, ...id(peer));
export const heartbeat = frame(2);
export const data = (text) => frame(3, ...new TextEncoder().encode(text));
export const request = (byte, text) => frame(4, ...id(byte), ...new TextEncoder().encode(text));
export const announcement = frame(255, 0x40, ...new TextEncoder().encode('aiomsg-headers/1'));
/** A frame of headers, from names and values. */
export const headers = (...all) => frame(0x40, ...all.flatMap(([name, value]) => {
  const [n, v] = [name, value].map((it) => [...new TextEncoder().encode(it)]);
  return [n.length, ...n, v.length >> 8, v.length & 255, ...v];
}));
export const ack = (bytes) => frame(5, ...bytes);
