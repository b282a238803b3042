// The client against bytes that are written out here: `node --test web/tests`.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { AiomsgError, Socket } from '../aiomsg.js';
import {
  FakeWebSocket, ack, announcement, data, frame, headers, heartbeat, hello, id, request,
} from './fake.mjs';

const URL_ = 'ws://127.0.0.1:1/';

beforeEach(() => {
  FakeWebSocket.made = [];
  globalThis.WebSocket = FakeWebSocket;
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
});

afterEach(() => mock.timers.reset());

/** Lets time pass, in steps: a timer that is set on the way begins on the way. */
const pass = (time) => {
  for (let left = time; left > 0; left -= 10) mock.timers.tick(Math.min(left, 10));
};

/** Lets promises settle. */
const settle = async () => {
  for (let at = 0; at < 10; at++) await null;
};

const start = (options) => {
  const socket = new Socket({ identity: Uint8Array.from(id(1)), ...options });
  socket.connect(URL_);
  return socket;
};

test('the handshake is that of the protocol', () => {
  const socket = start();
  const ups = [];
  socket.addEventListener('up', ({ detail }) => ups.push(detail.peer));
  FakeWebSocket.last.open();
  assert.deepEqual(FakeWebSocket.last.take(), [0, 0, 0, 18, 1, 1, ...id(1)]);
  assert.deepEqual(socket.peers, []);
  FakeWebSocket.last.comes(hello(7));
  assert.deepEqual(socket.peers, ['07'.repeat(16)]);
  assert.deepEqual(ups, socket.peers);
});

test('what comes is understood in any pieces', async () => {
  const long = 'x'.repeat(300);
  const stream = [
    ...hello(7), ...heartbeat, ...data('one'), ...frame(9, 1, 2, 3), ...data(''),
    ...request(5, 'asks'), ...frame(2, 1), ...data(long),
  ];
  for (let size = 1; size <= stream.length; size++) {
    const socket = start();
    FakeWebSocket.last.open();
    for (let at = 0; at < stream.length; at += size) {
      FakeWebSocket.last.comes(stream.slice(at, at + size));
    }
    const texts = [];
    for (let at = 0; at < 4; at++) texts.push((await socket.recv()).text());
    assert.deepEqual(texts, ['one', '', 'asks', long], `pieces of ${size}`);
    const sent = FakeWebSocket.last.take();
    assert.deepEqual(sent.slice(-21), ack(id(5)), `pieces of ${size}`);
  }
});

test('a peer that breaks the protocol is left, and dialled again', () => {
  for (const bad of [
    data('before the handshake'),
    frame(1, 2, ...id(7)),
    [...hello(7), 0, 0, 0, 0],
    [...hello(7), ...frame(4, 1)],
    [...hello(7), ...frame(5, 1)],
    [...hello(7), 255, 255, 255, 255],
  ]) {
    start({ firstDelay: 10 });
    const socket = FakeWebSocket.last;
    socket.open();
    socket.comes(bad);
    assert.equal(socket.readyState, 3, String(bad));
    pass(20);
    assert.notEqual(FakeWebSocket.last, socket);
  }
});

test('messages wait for a peer, and go out in order', async () => {
  const socket = start();
  const sent = ['a', 'b'].map((text) => socket.send(text));
  FakeWebSocket.last.open();
  FakeWebSocket.last.take();
  FakeWebSocket.last.comes(hello(7));
  await Promise.all(sent);
  assert.deepEqual(FakeWebSocket.last.take(), [...data('a'), ...data('b')]);
});

test('a message for a peer waits for that one, and not the others', async () => {
  const socket = start();
  socket.connect('ws://127.0.0.1:2/');
  const [first, second] = FakeWebSocket.made;
  first.shake(7);
  const sent = socket.send('for 8', { to: '08'.repeat(16) });
  await socket.send('for any');
  assert.deepEqual(first.take(), data('for any'));
  second.open();
  second.take();
  second.comes(hello(8));
  await sent;
  assert.deepEqual(second.take(), data('for 8'));
});

test('messages go to the peers in turn', async () => {
  const socket = start();
  socket.connect('ws://127.0.0.1:2/');
  const [first, second] = FakeWebSocket.made;
  first.shake(7);
  second.shake(8);
  for (const text of ['1', '2', '3', '4']) await socket.send(text);
  assert.deepEqual(first.take(), [...data('1'), ...data('3')]);
  assert.deepEqual(second.take(), [...data('2'), ...data('4')]);
});

test('what waits is bounded', async () => {
  const socket = start({ sendLimits: { messages: 2, bytes: 100 }, maxMessage: 50 });
  socket.send('a').catch(() => {});
  socket.send('b').catch(() => {});
  await assert.rejects(socket.send('c'), { code: 'full' });
  const other = start({ sendLimits: { messages: 9, bytes: 40 }, maxMessage: 50 });
  await assert.rejects(other.send('x'.repeat(51)), { code: 'too-large' });
  other.send('x'.repeat(50)).catch(() => {});
  await assert.rejects(other.send('c'), { code: 'full' });
});

test('heartbeats go out in time, and a silent peer is left', () => {
  start();
  const socket = FakeWebSocket.last;
  socket.shake();
  pass(4_000);
  assert.deepEqual(socket.take(), []);
  pass(1_000);
  assert.deepEqual(socket.take(), heartbeat);
  socket.comes([0]); // Any byte is life.
  pass(14_000);
  assert.equal(socket.readyState, 1);
  pass(2_000);
  assert.equal(socket.readyState, 3);
});

test('an unacknowledged message is sent again under its id, and to nobody who was not asked', async () => {
  const socket = start({ atLeastOnce: true, firstDelay: 10 });
  const first = FakeWebSocket.last;
  first.shake();
  let done = false;
  const sent = socket.send('job').then(() => (done = true));
  const asked = first.take();
  const theId = asked.slice(5, 21);
  assert.deepEqual(asked, frame(4, ...theId, ...new TextEncoder().encode('job')));
  first.breaks();
  pass(20);
  const second = FakeWebSocket.last;
  second.open();
  second.take();
  second.comes(hello(7));
  assert.deepEqual(second.take(), asked);
  second.comes(ack(id(3)));
  await settle();
  assert.equal(done, false);
  second.comes(ack(theId));
  await sent;
  assert.deepEqual(socket.waiting, { send: 0, acknowledge: 0, receive: 0 });
});

test('a message that nobody acknowledges is dropped after its last try', async () => {
  const socket = start({ atLeastOnce: true, ackTimeout: 100, maxResends: 2 });
  const dropped = [];
  socket.addEventListener('dropped', ({ detail }) => dropped.push(detail.reason));
  FakeWebSocket.last.shake();
  const sent = socket.send('job');
  const refused = assert.rejects(sent, { code: 'retries-exhausted' });
  pass(1_000);
  await refused;
  assert.equal(FakeWebSocket.last.take().length, 3 * (4 + 1 + 16 + 3));
  assert.deepEqual(dropped, ['no acknowledgement after 3 tries']);
});

test('connections that end in a row count as one try', async () => {
  const socket = start({ atLeastOnce: true, firstDelay: 1, longestDelay: 1, maxResends: 2 });
  const sent = socket.send('job');
  for (let at = 0; at < 10; at++) {
    FakeWebSocket.last.shake();
    FakeWebSocket.last.breaks();
    pass(10);
  }
  FakeWebSocket.last.open();
  FakeWebSocket.last.take();
  FakeWebSocket.last.comes(hello(7));
  FakeWebSocket.last.comes(ack(FakeWebSocket.last.take().slice(5, 21)));
  await sent;
});

test('a message that comes twice is received once and acknowledged twice', async () => {
  const socket = start();
  FakeWebSocket.last.shake();
  FakeWebSocket.last.comes([...request(5, 'job'), ...request(5, 'job'), ...request(6, 'next')]);
  assert.deepEqual(FakeWebSocket.last.take(), [5, 5, 6].flatMap((it) => ack(id(it))));
  assert.equal((await socket.recv()).text(), 'job');
  assert.equal((await socket.recv()).text(), 'next');
});

test('a handler acknowledges', async () => {
  const socket = start({ ackMode: 'handled' });
  FakeWebSocket.last.shake();
  FakeWebSocket.last.comes(request(5, 'job'));
  assert.deepEqual(FakeWebSocket.last.take(), []);
  const job = await socket.recv();
  assert.equal(job.ack(), true);
  assert.equal(job.ack(), false);
  assert.deepEqual(FakeWebSocket.last.take(), ack(id(5)));
});

// It was acknowledged when it came again, and lost when the page then ended.
test('a message that comes again is not acknowledged before it is handled', async () => {
  const socket = start({ ackMode: 'handled', firstDelay: 10 });
  FakeWebSocket.last.shake();
  FakeWebSocket.last.comes([...request(5, 'job'), ...request(5, 'job')]);
  const job = await socket.recv();
  assert.deepEqual(FakeWebSocket.last.take(), []);
  FakeWebSocket.last.breaks();
  assert.equal(job.ack(), false);
  pass(20);
  FakeWebSocket.last.shake();
  FakeWebSocket.last.comes(request(5, 'job'));
  assert.deepEqual(FakeWebSocket.last.take(), ack(id(5)));
  assert.equal(socket.waiting.receive, 0);
});

// The second call took what the first one was still sending.
test('a second close waits for the first one', async () => {
  const socket = start();
  const sent = socket.send('last');
  const closes = [socket.close(1_000), socket.close(0)];
  FakeWebSocket.last.shake();
  await sent;
  assert.deepEqual(await Promise.all(closes), [0, 0]);
});

test('more than may wait ends the connection until there is room', async () => {
  const socket = start({ receiveLimits: { messages: 2, bytes: 100 } });
  const first = FakeWebSocket.last;
  first.shake();
  first.comes([...data('a'), ...data('b'), ...data('c')]);
  assert.equal(first.readyState, 3);
  pass(60_000);
  assert.equal(FakeWebSocket.last, first, 'not dialled while it is full');
  assert.equal((await socket.recv()).text(), 'a');
  assert.equal((await socket.recv()).text(), 'b');
  assert.notEqual(FakeWebSocket.last, first);
});

test('delays grow and are random, and a good connection starts them anew', () => {
  start({ firstDelay: 100, longestDelay: 1_000 });
  const random = mock.method(Math, 'random', () => 0.5);
  for (const delay of [100, 200, 400, 800, 1_000, 1_000]) {
    const socket = FakeWebSocket.last;
    socket.breaks();
    pass(delay - 1);
    assert.equal(FakeWebSocket.last, socket);
    pass(1);
    assert.notEqual(FakeWebSocket.last, socket);
  }
  FakeWebSocket.last.shake();
  pass(1_000);
  FakeWebSocket.last.breaks();
  const { length } = FakeWebSocket.made;
  pass(100);
  assert.equal(FakeWebSocket.made.length, length + 1);
  random.mock.restore();
});

test('a failed try is told, with whether the peer was reached', () => {
  const socket = start({ firstDelay: 10 });
  const told = [];
  for (const type of ['failed', 'down']) {
    socket.addEventListener(type, ({ detail }) => told.push([type, detail.reason, detail.opened]));
  }
  FakeWebSocket.last.breaks();
  pass(20);
  FakeWebSocket.last.open();
  FakeWebSocket.last.comes(data('before the handshake'));
  assert.deepEqual(told, [
    ['failed', 'closed with 1006', false],
    ['failed', 'the peer sent no handshake', true],
  ]);
});

test('a socket that is closed between two tries dials no more', async () => {
  const socket = start();
  FakeWebSocket.last.breaks();
  const { length } = FakeWebSocket.made;
  await socket.close(0);
  pass(60_000);
  assert.equal(FakeWebSocket.made.length, length);
});

test('close sends what waits, and says what was left', async () => {
  const socket = start({ atLeastOnce: true });
  FakeWebSocket.last.shake();
  const sent = socket.send('job');
  const theId = FakeWebSocket.last.take().slice(5, 21);
  const closing = socket.close(1_000);
  await assert.rejects(socket.send('late'), { code: 'closed' });
  FakeWebSocket.last.comes(ack(theId));
  assert.equal(await closing, 0);
  await sent;
  await assert.rejects(socket.recv(), { code: 'closed' });

  const other = start({ atLeastOnce: true });
  const lost = assert.rejects(other.send('job'), { code: 'closed' });
  const left = other.close(1_000);
  pass(1_000);
  assert.equal(await left, 1);
  await lost;
  for await (const message of other) assert.fail(message);
});

test('what cannot be is named', () => {
  assert.throws(() => new Socket({ atLeastOne: true }), /no option "atLeastOne"/);
  assert.throws(() => new Socket({ identity: 'me' }), /Uint8Array of 16 bytes/);
  assert.throws(() => new Socket({ ackMode: 'never' }), AiomsgError);
  assert.throws(() => new Socket().connect('http://a/'), /ws:\/\/ or wss:\/\//);
  assert.throws(() => new Socket().send(1), AiomsgError);
});

test('headers are announced once on each connection, and go before their message', async () => {
  const socket = start({ firstDelay: 10 });
  const one = [['trace-id', '17'], ['a', 'ü']];
  for (let at = 0; at < 2; at++) {
    const { last } = FakeWebSocket;
    last.shake();
    await socket.send('x', { headers: { 'Trace-ID': '17', a: 'ü' } });
    assert.deepEqual(last.take(), [...announcement, ...headers(...one), ...data('x')]);
    await socket.send('y', { headers: new Map([['a', '']]) });
    assert.deepEqual(last.take(), [...headers(['a', '']), ...data('y')]);
    await socket.send('z', { headers: {} });
    assert.deepEqual(last.take(), data('z'));
    last.breaks();
    pass(100);
  }
});

test('headers of messages that are sent again are sent again', async () => {
  const socket = start({ atLeastOnce: true, firstDelay: 10 });
  FakeWebSocket.last.shake();
  const sent = socket.send('x', { headers: { a: 'b' } });
  const first = FakeWebSocket.last.take();
  FakeWebSocket.last.breaks();
  pass(100);
  const again = FakeWebSocket.last.shake();
  const frames = [...announcement, ...headers(['a', 'b'])];
  assert.deepEqual(first.slice(0, frames.length), frames);
  assert.deepEqual(again.slice(-first.length), first);
  FakeWebSocket.last.comes(ack(first.slice(frames.length + 5, frames.length + 21)));
  await sent;
});

test('headers that come are those of the next message', async () => {
  const stream = [
    // Not announced: of another version.
    ...headers(['a', '0']), ...data('0'), ...frame(255, 0x40, 1, 2), ...frame(255),
    ...announcement, ...headers(['a', '1'], ['__proto__', 'x']), ...frame(9, 1), ...data('1'),
    ...data('2'), ...headers(['a', '3']), ...request(5, '3'), ...headers(), ...data('4'),
    ...frame(255, 0x77, ...announcement.slice(6)), ...headers(['a', '5']), ...data('5'),
  ];
  const socket = start();
  FakeWebSocket.last.open();
  FakeWebSocket.last.comes(hello(7));
  for (const byte of stream) FakeWebSocket.last.comes([byte]);
  const all = [];
  for (let at = 0; at < 6; at++) {
    const message = await socket.recv();
    all.push([message.text(), ...message.headers]);
  }
  assert.deepEqual(all, [
    ['0'], ['1', ['a', '1'], ['__proto__', 'x']], ['2'], ['3', ['a', '3']], ['4'], ['5'],
  ]);
});

test('headers that are broken end the connection', () => {
  const many = Array.from({ length: 33 }, (_, at) => [`n${at}`, '']);
  const downs = [];
  for (const bad of [
    headers(['A', '']), headers(['', '']), headers(['a', 'line\nbreak']), headers(['a', '1'], ['a', '2']),
    headers(...many), headers(['a', 'x'.repeat(8190)]), frame(0x40, 1), frame(0x40, 1, 97, 0, 1, 255),
    frame(0x40, 1, 97, 0, 2, 98), [...headers(['a', '1']), ...heartbeat],
    [...headers(['a', '1']), ...headers(['a', '1'])], frame(255, 3, ...announcement.slice(6)),
  ]) {
    const socket = start({ firstDelay: 10 });
    socket.addEventListener('down', ({ detail }) => downs.push(detail.reason));
    FakeWebSocket.last.shake();
    FakeWebSocket.last.comes([...announcement, ...bad]);
    assert.equal(FakeWebSocket.last.readyState, 3, String(bad));
  }
  assert.equal(downs.length, 12);
  assert.ok(downs.every((it) => it.startsWith('the peer sen')), downs.join('\n'));
});

test('headers that cannot be sent are named', () => {
  const socket = start();
  const many = Array.from({ length: 33 }, (_, at) => [`n${at}`, '']);
  for (const [bad, code] of [
    [{ 'two words': '' }, 'config'], [{ a: 'line\nbreak' }, 'config'], [{ '': '' }, 'config'],
    [{ a: '\ud800' }, 'config'], [many, 'too-large'], [{ a: 'x'.repeat(8190) }, 'too-large'],
  ]) {
    assert.throws(() => socket.send('x', { headers: bad }), { name: 'AiomsgError', code });
  }
});

test('the limit of messages is not that of headers', async () => {
  const socket = start({ maxMessage: 4 });
  FakeWebSocket.last.shake();
  const long = 'x'.repeat(8000);
  FakeWebSocket.last.comes([...announcement, ...headers(['a', long]), ...data('1234')]);
  const message = await socket.recv();
  assert.equal(message.headers.get('a'), long);
  FakeWebSocket.last.comes(data('x'.repeat(100)));
  assert.equal(FakeWebSocket.last.readyState, 3);
});
