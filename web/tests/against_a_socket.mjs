// The client against a real socket, by Node's own WebSocket:
// `node --experimental-websocket web/tests/against_a_socket.mjs SCENARIO URL`.

import assert from 'node:assert/strict';

import { Socket } from '../aiomsg.js';

const scenarios = {
  /** Each message comes back, whatever its size, and is acknowledged both ways. */
  async echo(url) {
    const socket = new Socket({ atLeastOnce: true }).connect(url);
    const sizes = [0, 1, 125, 126, 65_535, 65_536, 3_000_000];
    for (const size of sizes) {
      const data = new Uint8Array(size).fill(size & 255);
      const headers = { size: String(size), note: 'später' };
      await socket.send(data, size % 2 === 0 ? { headers } : {});
      const message = await socket.recv();
      assert.equal(Buffer.compare(message.data, data), 0, `${size} bytes`);
      assert.equal(message.from, socket.peers[0]);
      const expected = size % 2 === 0 ? Object.entries(headers) : [];
      assert.deepEqual([...message.headers], expected);
    }
    assert.equal(await socket.close(), 0);
  },

  /** Sends numbers until all are acknowledged, whatever becomes of the server. */
  async count(url, count) {
    const socket = new Socket({ atLeastOnce: true, firstDelay: 20 }).connect(url);
    const numbers = Array.from({ length: Number(count) }, (_, at) => String(at));
    await Promise.all(numbers.map((it) => socket.send(it)));
    assert.equal(await socket.close(), 0);
  },
};

const [scenario, ...args] = process.argv.slice(2);
await scenarios[scenario](...args);
process.exit(0);
