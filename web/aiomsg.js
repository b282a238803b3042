// A client of aiomsg for web pages, over WebSocket. It speaks dialect v1 of
// docs/protocol.md and needs nothing but a browser, or Node.js from version 22 on.

const VERSION = 1;
const HELLO = 1, HEARTBEAT = 2, DATA = 3, DATA_REQ = 4, ACK = 5;
const ID = 16;

/** The extension that carries headers: the frame that gives types to others, ours, its name. */
const EXTENSION = 0xff, HEADERS = 0x40;
const HEADERS_NAME = 'aiomsg-headers/1';

/** The bounds of the headers of a message. */
const MOST_HEADERS = 32, MOST_HEADER_BYTES = 8 << 10;

/** The times, in milliseconds, and bounds of docs/protocol.md. */
const DEFAULTS = Object.freeze({
  atLeastOnce: false,
  ackMode: 'received',
  heartbeatInterval: 5_000,
  heartbeatTimeout: 15_000,
  handshakeTimeout: 10_000,
  firstDelay: 100,
  longestDelay: 10_000,
  ackTimeout: 5_000,
  maxResends: 5,
  maxMessage: 64 << 20,
  sendLimits: { messages: 10_000, bytes: 16 << 20 },
  receiveLimits: { messages: 65_536, bytes: 64 << 20 },
});

/** A browser sends what it buffers in the background. No more than this is given to it. */
const MOST_BUFFERED = 1 << 20;

/** How many ids of received messages are remembered, to drop those that come again. */
const REMEMBERED = 16_384;

/** An error of a socket. `code` is `closed`, `full`, `too-large`, `retries-exhausted` or `config`. */
export class AiomsgError extends Error {
  constructor(code, text) {
    super(text);
    this.name = 'AiomsgError';
    this.code = code;
  }
}

/** A message that arrived. */
class Message {
  #ack;

  constructor(from, data, headers, ack) {
    /** The identity of the sender, in hexadecimal. */
    this.from = from;
    /** The payload. */
    this.data = data;
    /** The headers: a map of values by names. */
    this.headers = headers;
    this.#ack = ack;
  }

  /** The payload as text. */
  text() {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.data);
  }

  /** The payload as JSON. */
  json() {
    return JSON.parse(this.text());
  }

  /** Acknowledges the message, with `ackMode: 'handled'`. Returns whether that was possible. */
  ack() {
    const ack = this.#ack;
    this.#ack = undefined;
    return ack ? ack() : false;
  }
}

/**
 * A socket that connects to any number of endpoints. Messages go to the connected ones in turn,
 * and wait here, up to `sendLimits`, while there is none.
 *
 * Events: `up` and `down` (with `detail.url`, `detail.peer` and, for `down`, `detail.reason`),
 * `failed` for a try to connect (with `detail.url`, `detail.reason` and `detail.opened`), and
 * `dropped` (with `detail.data`, `detail.headers` and `detail.reason`).
 */
export class Socket extends EventTarget {
  #options;
  #links = new Map();
  #next = 0;
  #outbox = [];
  #outboxBytes = 0;
  #unacked = new Map();
  #inbox = [];
  #inboxBytes = 0;
  #waiting = [];
  #idle = [];
  #remembered = new Map();
  #timer;
  #closed = false;
  #closing;

  constructor(options = {}) {
    super();
    for (const name of Object.keys(options)) {
      if (!(name in DEFAULTS) && name !== 'identity') {
        throw new AiomsgError('config', `there is no option "${name}"`);
      }
    }
    this.#options = { ...DEFAULTS, ...options };
    if (!['received', 'handled'].includes(this.#options.ackMode)) {
      throw new AiomsgError('config', 'ackMode is "received" or "handled"');
    }
    const identity = this.#options.identity ?? randomBytes();
    if (!(identity instanceof Uint8Array) || identity.length !== ID) {
      throw new AiomsgError('config', `an identity is a Uint8Array of ${ID} bytes`);
    }
    this.#options.identity = identity;
    this.identity = hex(identity);
  }

  /** Connects to an endpoint, and again whenever the connection ends. */
  connect(url) {
    if (this.#closed) throw new AiomsgError('closed', 'the socket is closed');
    const address = new URL(url, globalThis.location?.href);
    if (!['ws:', 'wss:'].includes(address.protocol)) {
      throw new AiomsgError('config', `"${url}" does not begin with ws:// or wss://`);
    }
    if (!this.#links.has(address.href)) {
      const link = new Link(address.href, this.#options, {
        up: () => this.#up(link),
        down: (reason, peer) => this.#down(link, reason, peer),
        failed: (reason, opened) => this.#tell('failed', { url: link.url, reason, opened }),
        message: (...message) => this.#arrived(link, ...message),
        ack: (id) => this.#acked(link, id),
        room: () => this.#flush(),
      });
      // A page that came by https may not open ws: at all, which throws.
      link.dial();
      this.#links.set(address.href, link);
    }
    return this;
  }

  /** Ends the connection to an endpoint. What was not sent to it goes to the others. */
  disconnect(url) {
    const href = new URL(url, globalThis.location?.href).href;
    this.#links.get(href)?.stop('disconnected');
    return this.#links.delete(href);
  }

  /** The identities of the connected peers. */
  get peers() {
    return [...this.#links.values()].filter((it) => it.isUp).map((it) => it.peer);
  }

  /** How much waits: to be sent, to be acknowledged, to be received. */
  get waiting() {
    return {
      send: this.#outbox.length,
      acknowledge: this.#unacked.size,
      receive: this.#inbox.length,
    };
  }

  /**
   * Sends text or bytes. The promise resolves when the message is given to the browser, and with
   * `atLeastOnce` when the peer has acknowledged it. It rejects when it was not sent.
   * `headers` is an object or a map of values by names.
   */
  send(data, { to, headers } = {}) {
    const payload = bytes(data);
    const block = encodeHeaders(headers);
    const { maxMessage, sendLimits } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse = (code, text) => reject(new AiomsgError(code, text));
      if (this.#closed) return refuse('closed', 'the socket is closed');
      if (payload.length > maxMessage) {
        return refuse('too-large', `the message has ${payload.length} bytes, the limit is ${maxMessage}`);
      }
      const messages = this.#outbox.length + this.#unacked.size;
      if (messages >= sendLimits.messages || this.#outboxBytes >= sendLimits.bytes) {
        return refuse('full', `${messages} messages wait already`);
      }
      const id = this.#options.atLeastOnce ? randomBytes() : undefined;
      const weight = payload.length + block.length;
      this.#outboxBytes += weight;
      const message = { payload, block, weight, id, to, tries: 0, triedAt: -Infinity };
      this.#outbox.push({ ...message, resolve, reject });
      this.#flush();
    });
  }

  /** The next message. Rejects when the socket is closed and nothing is left. */
  recv() {
    const message = this.#take();
    if (message) return Promise.resolve(message);
    if (this.#closed) return Promise.reject(new AiomsgError('closed', 'the socket is closed'));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The messages as they come, until the socket is closed. */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      try {
        yield await this.recv();
      } catch (error) {
        if (error.code === 'closed') return;
        throw error;
      }
    }
  }

  /**
   * Closes the socket: sends what waits, for up to `deadline` milliseconds, and then ends the
   * connections. Resolves to the number of messages that were not sent, or not acknowledged.
   * A second call resolves with the first one.
   */
  close(deadline = 10_000) {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline) {
    this.#closed = true;
    await Promise.race([this.#drained(), sleep(deadline)]);
    clearTimeout(this.#timer);
    for (const link of this.#links.values()) link.stop('closed');
    this.#links.clear();
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new AiomsgError('closed', 'the socket is closed'));
    }
    const left = [...this.#unacked.values(), ...this.#outbox.splice(0)];
    this.#unacked.clear();
    for (const { reject } of left) reject(new AiomsgError('closed', 'the socket is closed'));
    return left.length;
  }

  #drained() {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#check();
    });
  }

  #check() {
    const buffered = [...this.#links.values()].some((it) => it.isUp && it.buffered > 0);
    if (this.#outbox.length > 0 || this.#unacked.size > 0) return;
    if (buffered && this.#idle.length > 0) {
      setTimeout(() => this.#check(), 20);
      return;
    }
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  // ===== sending =====

  /** Sends what waits, as far as connected peers take it. */
  #flush() {
    if (!this.#pick()) return this.#check();
    const kept = [];
    for (const message of this.#outbox) {
      const link = this.#pick(message.to);
      if (!link) {
        kept.push(message);
        continue;
      }
      this.#next = [...this.#links.values()].indexOf(link) + 1;
      link.send(message);
      if (message.id) {
        message.at = Date.now();
        message.link = link;
        this.#unacked.set(hex(message.id), message);
        this.#watch();
      } else {
        this.#outboxBytes -= message.weight;
        message.resolve();
      }
    }
    this.#outbox = kept;
    this.#check();
  }

  /** The next connection that takes a message, if one does. */
  #pick(to) {
    const links = [...this.#links.values()];
    const turn = this.#next % (links.length || 1);
    const inTurn = [...links.slice(turn), ...links.slice(0, turn)];
    const takes = (it) => it.isUp && it.buffered < MOST_BUFFERED && (!to || it.peer === to);
    return inTurn.find(takes);
  }

  #acked(link, id) {
    const key = hex(id);
    const message = this.#unacked.get(key);
    // Only a connection on which it was sent can acknowledge a message.
    if (message?.link !== link) return;
    this.#unacked.delete(key);
    this.#outboxBytes -= message.weight;
    link.ackedAt = Date.now();
    message.resolve();
    this.#flush();
  }

  /** Looks after messages without an acknowledgement, while there are some. */
  #watch() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const { ackTimeout } = this.#options;
      const now = Date.now();
      for (const message of this.#unacked.values()) {
        const moved = Math.max(message.at, message.link.ackedAt ?? 0);
        if (now - moved >= ackTimeout) this.#again(message);
      }
      this.#flush();
      if (this.#unacked.size > 0) this.#watch();
    }, this.#options.ackTimeout / 5);
  }

  /** Puts a message in front of those that wait. */
  #again(message) {
    this.#unacked.delete(hex(message.id));
    // A server that starts again and again takes no more than one try in this time.
    const now = Date.now();
    if (now - message.triedAt < this.#options.ackTimeout) {
      this.#outbox.unshift(message);
      return;
    }
    message.triedAt = now;
    message.tries += 1;
    if (message.tries <= this.#options.maxResends) {
      this.#outbox.unshift(message);
      return;
    }
    this.#outboxBytes -= message.weight;
    const text = `no acknowledgement after ${message.tries} tries`;
    message.reject(new AiomsgError('retries-exhausted', text));
    const headers = decodeHeaders(message.block);
    this.#tell('dropped', { data: message.payload, headers, reason: text });
  }

  // ===== receiving =====

  #arrived(link, payload, id, block = NOTHING) {
    const from = link.peer;
    const handles = this.#options.ackMode === 'handled';
    const key = id && from + hex(id);
    const known = id && this.#remembered.get(key);
    if (known) {
      // One that is not handled yet is acknowledged when it is, where it came last.
      known.link = link;
      if (known.done) link.acknowledge(id);
      return true;
    }
    let ack;
    if (id) {
      const state = { link, done: !handles };
      this.#remember(key, state);
      if (handles) {
        ack = () => {
          state.done = true;
          return state.link.acknowledge(id);
        };
      } else {
        link.acknowledge(id);
      }
    }
    const message = new Message(from, payload, decodeHeaders(block), ack);
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.resolve(message);
      return true;
    }
    const weight = payload.length + block.length;
    this.#inbox.push({ message, weight });
    this.#inboxBytes += weight;
    const { messages, bytes: most } = this.#options.receiveLimits;
    // A browser cannot be told to read more slowly: the connection ends until there is room.
    return this.#inbox.length < messages && this.#inboxBytes < most;
  }

  #remember(key, state) {
    this.#remembered.set(key, state);
    if (this.#remembered.size > REMEMBERED) {
      this.#remembered.delete(this.#remembered.keys().next().value);
    }
  }

  #take() {
    const first = this.#inbox.shift();
    if (first) {
      this.#inboxBytes -= first.weight;
      if (this.#inbox.length === 0) for (const link of this.#links.values()) link.resume();
    }
    return first?.message;
  }

  // ===== connections =====

  #up(link) {
    this.#tell('up', { url: link.url, peer: link.peer });
    this.#flush();
  }

  #down(link, reason, peer) {
    const lost = [...this.#unacked.values()].filter((it) => it.link === link);
    for (const message of lost.reverse()) this.#again(message);
    this.#tell('down', { url: link.url, peer, reason });
    this.#flush();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The connection to one endpoint, made again whenever it ends. */
class Link {
  #options;
  #on;
  #socket;
  #reader;
  #timers = [];
  #delay;
  #heard;
  #said;
  #upSince;
  #opened = false;
  #paused = false;
  #stopped = false;
  /** Whether the peer knows the type of our headers. */
  #announced = false;
  /** The type of the peer's headers, when it has given them one. */
  #headersType;
  /** The headers of the next message. */
  #headers;

  constructor(url, options, on) {
    this.url = url;
    this.peer = undefined;
    this.#options = options;
    this.#on = on;
    this.#delay = options.firstDelay;
  }

  get isUp() {
    return this.peer !== undefined && this.#socket.readyState === 1;
  }

  get buffered() {
    return this.#socket.bufferedAmount;
  }

  dial() {
    this.#reader = new Reader(Math.max(this.#mostBody, 1 + MOST_HEADER_BYTES));
    this.#announced = false;
    this.#headersType = this.#headers = undefined;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    this.#opened = false;
    socket.onopen = () => {
      this.#opened = true;
      this.#write(frame(HELLO, Uint8Array.of(VERSION), this.#options.identity));
    };
    socket.onmessage = ({ data }) => this.#read(socket, data);
    socket.onclose = ({ code, reason }) => this.#ended(socket, reason || `closed with ${code}`);
    const { handshakeTimeout } = this.#options;
    this.#later(handshakeTimeout, () => {
      if (this.peer === undefined) this.#end(socket, 'the handshake took too long');
    });
  }

  /** Ends the connection for good. */
  stop(reason) {
    this.#stopped = true;
    this.#end(this.#socket, reason);
    // One that waits to dial again has no connection that could end.
    this.#forgetTimers();
  }

  /** Connects again, if the connection was ended because too much had come. */
  resume() {
    if (this.#paused) {
      this.#paused = false;
      this.dial();
    }
  }

  /** The most bytes of a frame that has no headers. */
  get #mostBody() {
    return this.#options.maxMessage + 1 + ID;
  }

  send({ id, payload, block }) {
    const frames = [];
    if (block.length > 0) {
      if (!this.#announced) frames.push(frame(EXTENSION, Uint8Array.of(HEADERS), bytes(HEADERS_NAME)));
      this.#announced = true;
      frames.push(frame(HEADERS, block));
    }
    frames.push(frame(id ? DATA_REQ : DATA, id, payload));
    this.#write(frames.length === 1 ? frames[0] : join(frames));
    if (this.buffered >= MOST_BUFFERED) this.#later(20, () => this.#waitForRoom());
  }

  acknowledge(id) {
    if (!this.isUp) return false;
    this.#write(frame(ACK, id));
    return true;
  }

  #waitForRoom() {
    if (!this.isUp) return;
    if (this.buffered < MOST_BUFFERED / 2) this.#on.room();
    else this.#later(20, () => this.#waitForRoom());
  }

  #write(bytes) {
    this.#said = Date.now();
    if (this.#socket.readyState === 1) this.#socket.send(bytes);
  }

  #read(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard = Date.now();
    if (typeof data === 'string') return this.#end(socket, 'the peer sent a text message');
    try {
      for (const body of this.#reader.push(new Uint8Array(data))) {
        if (!this.#frame(body)) {
          this.#paused = true;
          return this.#end(socket, 'more has arrived than may wait to be received');
        }
        if (socket !== this.#socket) return;
      }
    } catch (error) {
      this.#end(socket, error.message);
    }
  }

  /** Handles a frame. Returns whether more may come. */
  #frame(body) {
    const type = body[0];
    if (this.peer === undefined) {
      if (type !== HELLO || body.length !== 2 + ID) throw new Error('the peer sent no handshake');
      if (body[1] !== VERSION) throw new Error(`the peer speaks version ${body[1]}`);
      this.peer = hex(body.subarray(2));
      this.#begin();
      return true;
    }
    if ((type === DATA_REQ || type === ACK) && body.length < 1 + ID) {
      throw new Error('the peer sent a frame that is too short for its id');
    }
    if (type !== this.#headersType && body.length > this.#mostBody) {
      throw new Error(`the peer sent a frame of ${body.length} bytes`);
    }
    const headers = this.#headers;
    if (headers && (type === HEARTBEAT || type === ACK)) {
      throw new Error('the peer sent headers without a message behind them');
    }
    switch (type) {
      case DATA:
        this.#headers = undefined;
        return this.#on.message(body.slice(1), undefined, headers);
      case DATA_REQ:
        this.#headers = undefined;
        return this.#on.message(body.slice(1 + ID), body.slice(1, 1 + ID), headers);
      case ACK:
        this.#on.ack(body.subarray(1, 1 + ID));
        break;
      case EXTENSION:
        this.#extends(body);
        break;
      case this.#headersType:
        if (headers) throw new Error('the peer sent the headers of a message twice');
        this.#headers = body.slice(1);
        decodeHeaders(this.#headers);
    }
    // Other types are those of later versions.
    return true;
  }

  /** Notes the type of the peer's headers. Other extensions are those of later versions. */
  #extends(body) {
    const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body.subarray(2));
    if (name !== HEADERS_NAME) return;
    const type = body[1];
    if (type <= ACK || type === EXTENSION) {
      throw new Error(`the peer sends headers in frames of type ${type}`);
    }
    this.#headersType = type;
  }

  #begin() {
    this.#upSince = Date.now();
    const { heartbeatInterval, heartbeatTimeout } = this.#options;
    const tick = () => {
      const now = Date.now();
      if (now - this.#heard >= heartbeatTimeout) {
        return this.#end(this.#socket, 'the peer is silent');
      }
      if (now - this.#said >= heartbeatInterval) this.#write(frame(HEARTBEAT));
      this.#later(heartbeatInterval / 5, tick);
    };
    tick();
    this.#on.up();
  }

  #end(socket, reason) {
    if (socket !== this.#socket) return;
    socket.close(1000);
    this.#ended(socket, reason);
  }

  #ended(socket, reason) {
    if (socket !== this.#socket || socket.onclose === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.#forgetTimers();
    const peer = this.peer;
    this.peer = undefined;
    const good = peer !== undefined && Date.now() - this.#upSince >= this.#options.longestDelay;
    if (good) this.#delay = this.#options.firstDelay;
    if (!this.#stopped && !this.#paused) {
      // Clients that have lost the same server come back at different times.
      this.#later(this.#delay * (0.5 + Math.random()), () => this.dial());
      this.#delay = Math.min(this.#delay * 2, this.#options.longestDelay);
    }
    if (peer !== undefined) this.#on.down(reason, peer);
    else if (!this.#stopped) this.#on.failed(reason, this.#opened);
  }

  #forgetTimers() {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }

  #later(time, call) {
    const timer = setTimeout(() => {
      this.#timers = this.#timers.filter((it) => it !== timer);
      call();
    }, time);
    this.#timers.push(timer);
  }
}

/** Frames of a stream that comes in any pieces. */
class Reader {
  #most;
  #pieces = [];
  #length = 0;

  constructor(most) {
    this.#most = most;
  }

  *push(piece) {
    this.#pieces.push(piece);
    this.#length += piece.length;
    for (;;) {
      if (this.#length < 4) return;
      const head = this.#peek(4);
      const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0);
      if (length === 0) throw new Error('the peer sent an empty frame');
      if (length > this.#most) throw new Error(`the peer sent a frame of ${length} bytes`);
      if (this.#length < 4 + length) return;
      yield this.#take(4 + length).subarray(4);
    }
  }

  /** The first bytes, which stay. */
  #peek(count) {
    if (this.#pieces[0].length < count) this.#pieces = [join(this.#pieces)];
    return this.#pieces[0].subarray(0, count);
  }

  #take(count) {
    if (this.#pieces[0].length < count) this.#pieces = [join(this.#pieces)];
    const [first] = this.#pieces;
    this.#length -= count;
    if (first.length === count) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(count);
    return first.subarray(0, count);
  }
}

// ===== headers =====

const NOTHING = new Uint8Array(0);

/** Headers as they travel. */
function encodeHeaders(headers) {
  if (headers === undefined) return NOTHING;
  const all = new Map();
  for (const [name, value] of headers[Symbol.iterator] ? headers : Object.entries(headers)) {
    const lower = String(name).toLowerCase();
    const text = bytes(String(value));
    const wrong = wrongName(lower) ?? wrongValue(String(value), text.length);
    if (wrong) throw new AiomsgError('config', `the header "${lower}": ${wrong}`);
    all.set(lower, text);
  }
  const pieces = [...all].flatMap(([name, text]) => [
    Uint8Array.of(name.length), bytes(name), Uint8Array.of(text.length >> 8, text.length & 255), text,
  ]);
  const block = join(pieces);
  if (all.size > MOST_HEADERS || block.length > MOST_HEADER_BYTES) {
    throw new AiomsgError('too-large', tooMany(all.size, block.length));
  }
  return block;
}

/** The headers of a peer. */
function decodeHeaders(block) {
  const headers = new Map();
  const wrong = (at, why) => new Error(`the peer sent headers, and the one at byte ${at}: ${why}`);
  if (block.length > MOST_HEADER_BYTES) throw new Error(`the peer sent ${tooMany(0, block.length)}`);
  for (let at = 0; at < block.length;) {
    const value = at + 1 + block[at] + 2;
    const end = value + ((block[value - 2] << 8) | block[value - 1]);
    // Undefined bytes count as zero above.
    if (value > block.length || end > block.length) throw wrong(at, 'is cut off');
    const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(block.subarray(at + 1, value - 2));
    let text;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(block.subarray(value, end));
    } catch {
      throw wrong(at, 'its value is not UTF-8');
    }
    const why = wrongName(name) ?? wrongValue(text, end - value);
    if (why) throw wrong(at, why);
    if (headers.has(name)) throw wrong(at, 'its name is there twice');
    headers.set(name, text);
    if (headers.size > MOST_HEADERS) throw new Error(`the peer sent ${tooMany(headers.size, block.length)}`);
    at = end;
  }
  return headers;
}

function wrongName(name) {
  if (/^[a-z0-9._-]{1,255}$/.test(name)) return undefined;
  return 'a name has 1 to 255 letters, digits, "-", "_" and "."';
}

function wrongValue(value, length) {
  if (length > 65_535) return 'a value has at most 65535 bytes';
  if (/[\p{Cc}\p{Cs}]/u.test(value)) return 'its value has a control character, or half a character';
  return undefined;
}

function tooMany(count, length) {
  return `${count || ''} headers of ${length} bytes, where at most ${MOST_HEADERS} of ${MOST_HEADER_BYTES} may be`.trim();
}

// ===== bytes =====

function frame(type, ...parts) {
  const all = join([Uint8Array.of(0, 0, 0, 0, type), ...parts.filter(Boolean)]);
  new DataView(all.buffer).setUint32(0, all.length - 4);
  return all;
}

function join(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, it) => sum + it.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function bytes(data) {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  }
  throw new AiomsgError('config', 'a message is a string, an ArrayBuffer or a view of one');
}

function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function randomBytes() {
  return crypto.getRandomValues(new Uint8Array(ID));
}

function sleep(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}
