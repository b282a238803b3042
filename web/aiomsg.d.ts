/** What a message may be made of. */
export type Payload = string | ArrayBuffer | ArrayBufferView;

/** The headers of a message to send: values by names. */
export type Headers = Record<string, string> | Iterable<[string, string]>;

/** An error of a socket. */
export class AiomsgError extends Error {
  readonly code: 'closed' | 'full' | 'too-large' | 'retries-exhausted' | 'config';
}

/** A bound, in messages and in bytes of payloads and headers. */
export interface Limits {
  messages: number;
  bytes: number;
}

/** The settings of a socket. Times are in milliseconds. */
export interface SocketOptions {
  /** 16 bytes, by default random ones. */
  identity?: Uint8Array;
  /** Whether `send` waits for the acknowledgement, and sends again without one. */
  atLeastOnce?: boolean;
  /** When messages that ask for it are acknowledged: as they are received, or by `ack()`. */
  ackMode?: 'received' | 'handled';
  /** The time without a send after which a heartbeat is sent: 5 s. */
  heartbeatInterval?: number;
  /** The time after which a silent peer is dead: 15 s. */
  heartbeatTimeout?: number;
  /** The time to connect and shake hands: 10 s. */
  handshakeTimeout?: number;
  /** The delay before the first try to connect again: 100 ms. It doubles with each try. */
  firstDelay?: number;
  /** The longest delay between tries: 10 s. */
  longestDelay?: number;
  /** The time without an acknowledgement after which a message is sent again: 5 s. */
  ackTimeout?: number;
  /** How often a message is sent again before it is dropped: 5. */
  maxResends?: number;
  /** The largest message, in bytes: 64 MiB. */
  maxMessage?: number;
  /** How much may wait to be sent and acknowledged: 10,000 messages, 16 MiB. */
  sendLimits?: Limits;
  /** How much may wait to be received: 65,536 messages, 64 MiB. */
  receiveLimits?: Limits;
}

/** A message that arrived. */
export interface Message {
  /** The identity of the sender: 32 digits. */
  readonly from: string;
  readonly data: Uint8Array;
  /** The headers: values by names, which are lower-case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The payload as text. Throws when it is not UTF-8. */
  text(): string;
  /** The payload as JSON. */
  json(): any;
  /** Acknowledges the message, with `ackMode: 'handled'`. */
  ack(): boolean;
}

export interface SocketEvents {
  up: CustomEvent<{ url: string; peer: string }>;
  down: CustomEvent<{ url: string; peer: string; reason: string }>;
  /** A try to connect has failed. `opened`: the WebSocket was open, and the handshake failed. */
  failed: CustomEvent<{ url: string; reason: string; opened: boolean }>;
  dropped: CustomEvent<{ data: Uint8Array; headers: ReadonlyMap<string, string>; reason: string }>;
}

/** A socket that connects to any number of endpoints, and again whenever a connection ends. */
export class Socket extends EventTarget implements AsyncIterable<Message> {
  constructor(options?: SocketOptions);

  /** Our identity: 32 digits. */
  readonly identity: string;
  /** The identities of the connected peers. */
  readonly peers: string[];
  /** How many messages wait to be sent, acknowledged and received. */
  readonly waiting: { send: number; acknowledge: number; receive: number };

  /** Connects to a `ws:` or `wss:` URL, or to one relative to the page. */
  connect(url: string | URL): this;
  /** Ends the connection to a URL. Returns whether there was one. */
  disconnect(url: string | URL): boolean;
  /**
   * Sends a message to the next connected peer, or to the one with this identity. It has at most
   * 32 headers, of 8 KiB together.
   */
  send(data: Payload, options?: { to?: string; headers?: Headers }): Promise<void>;
  /** The next message. */
  recv(): Promise<Message>;
  /**
   * Sends what waits, and closes. Resolves to the number of messages that were not sent. A
   * second call resolves with the first one.
   */
  close(deadline?: number): Promise<number>;
  [Symbol.asyncIterator](): AsyncIterator<Message>;

  addEventListener<K extends keyof SocketEvents>(
    type: K,
    listener: (event: SocketEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null): void;
}
