// A chat that is a live board, too: what it sends goes to the frontend of a proxy, and what the
// proxy publishes is shown. `endpoints.json`, beside this file, says where both are.

import { Socket } from '../aiomsg.js';

/** How much is shown. Older messages and values go. */
const MESSAGES = 500, TILES = 24, TEXT = 2_000, NAME = 40;

const at = (id) => document.getElementById(id);
const show = (id, text) => { at(id).textContent = text; };

// ===== what is shown =====

function element(kind, name, text) {
  const made = document.createElement(kind);
  made.className = name;
  // Messages are text, and never markup.
  if (text !== undefined) made.textContent = text;
  return made;
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** Texts and numbers are shown, and nothing else is. */
const shown = (value) => (['string', 'number', 'boolean'].includes(typeof value) ? String(value) : '');

function timeOf(sent) {
  const date = new Date(typeof sent === 'number' ? sent : NaN);
  return Number.isNaN(date.getTime()) ? new Date() : date;
}

/** A color for a name, the same at every reader. */
function hue(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) % 360;
  return sum;
}

/** The messages that are shown, by their ids: one that comes again is not shown twice. */
const known = new Map();

function addMessage({ id, name, text, sent }, mine) {
  const item = element('li', mine ? 'mine waits' : '');
  const head = element('div', 'head');
  const by = cut(shown(name), NAME);
  const label = element('span', by ? 'name' : 'name none', by || 'no name');
  label.style.setProperty('--hue', hue(by));
  const date = timeOf(sent);
  const time = element('time', '', date.toLocaleTimeString());
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  head.append(label, time);
  if (mine) head.append(element('span', 'fate', 'unacknowledged'));
  item.append(head, element('div', 'text', cut(text, TEXT)));
  const list = at('messages');
  follow(list, mine);
  list.append(item);
  if (id) known.set(id, item);
  while (list.children.length > MESSAGES) list.firstChild.remove();
  while (known.size > 2 * MESSAGES) known.delete(known.keys().next().value);
  at('empty').hidden = true;
  return item;
}

/** Whether the list is to show its end, once what has come at once is added; and where that was. */
let follows, end = 0;

/** Keeps a list at its end. The browser computes where that is once a frame, not per message. */
function follow(list, mine) {
  if (follows === undefined) {
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    // A list that has become smaller is not at its end, and nobody has scrolled it.
    follows = below < 60 || list.scrollTop >= end;
    requestAnimationFrame(() => {
      if (follows) {
        list.scrollTop = list.scrollHeight;
        end = list.scrollTop;
      }
      follows = undefined;
    });
  }
  follows ||= mine === true;
}

/** What became of a message of ours. */
function fate(item, state, text) {
  item.classList.remove('waits');
  item.classList.toggle('lost', state === 'lost');
  item.querySelector('.fate').textContent = text;
}

const tiles = new Map();

/** A value takes the place of the last one with its key. */
function setTile(key, value, by, sent) {
  // A row of tiles more leaves less room for the list.
  follow(at('messages'), false);
  let tile = tiles.get(key);
  if (!tile) {
    tile = element('div', 'tile');
    tile.append(element('div', 'key', cut(key, NAME)), element('div', 'value'), element('div', 'by'));
  }
  const [, valueAt, byAt] = tile.children;
  valueAt.textContent = cut(value, 60);
  byAt.textContent = [cut(by, NAME), timeOf(sent).toLocaleTimeString()].filter(Boolean).join(', ');
  // The one that changed longest ago goes first.
  tiles.delete(key);
  tiles.set(key, tile);
  at('tiles').hidden = false;
  if (!tile.isConnected) at('tiles').append(tile);
  if (tiles.size > TILES) {
    const [oldest] = tiles.keys();
    tiles.get(oldest).remove();
    tiles.delete(oldest);
  }
}

let received = 0;

/** A message that has come: JSON of a page or of a program, or any text. */
function take(message) {
  received += 1;
  show('received', `${received} received`);
  let text;
  try {
    text = message.text();
  } catch {
    return addMessage({ text: `${message.data.length} bytes that are no text` });
  }
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    return addMessage({ text });
  }
  if (typeof content !== 'object' || content === null) return addMessage({ text });
  const id = cut(shown(content.id), 64);
  if (id && known.has(id)) return;
  if (shown(content.key)) {
    setTile(shown(content.key), shown(content.value), shown(content.name), content.sent);
  } else if (shown(content.text)) {
    addMessage({ ...content, id, text: shown(content.text) });
  } else {
    addMessage({ ...content, id, text });
  }
}

// ===== connections =====

/** The state of each of the two sockets. */
const links = [];

function tellState() {
  const refused = links.filter((it) => it.state === 'refused');
  const waits = links.find((it) => it.state !== 'up');
  const state = refused.length > 0 ? 'refused' : waits ? waits.state : 'up';
  const texts = { connecting: 'connecting', again: 'reconnecting', refused: 'refused' };
  at('state').className = state;
  const { length } = links;
  show('state', texts[state] ?? `connected to ${length} endpoint${length === 1 ? '' : 's'}`);
  const reasons = links.filter((it) => it.reason).map((it) => `${it.what}: ${it.reason}`);
  show('reason', reasons.join('; '));
  at('notice').hidden = refused.length === 0;
  if (refused.length > 0) {
    const from = location.origin;
    show('notice', `The server does not accept this page: pages of ${from} may not connect to `
      + `${refused.map((it) => it.url).join(' and ')}. A proxy allows them with`);
    for (const { side } of refused) {
      at('notice').append(element('code', '', `--${side}-websocket-origin ${from}`));
    }
  }
}

/** Whether something answers by HTTP where a WebSocket could not be opened. */
async function answers(url) {
  try {
    await fetch(url.replace(/^ws/, 'http'), { mode: 'no-cors', cache: 'no-store' });
    return true;
  } catch {
    return false;
  }
}

/** Connects a socket to the first endpoint that the browser lets this page open. */
function connect(socket, what, side, endpoints) {
  const opens = ({ scheme }) => location.protocol !== 'https:' || scheme === 'wss';
  const endpoint = endpoints.find(opens);
  const link = { what, side, state: 'connecting', reason: '' };
  links.push(link);
  if (!endpoint) {
    link.state = 'again';
    link.reason = 'a page that came by https opens wss:// only, and the proxy has no tls:// endpoint';
    return;
  }
  const { scheme, host = location.hostname, port, path } = endpoint;
  link.url = `${scheme}://${host}:${port}${path}`;
  let refusals = 0;
  const become = (state, reason = '') => {
    Object.assign(link, { state, reason });
    tellState();
  };
  socket.addEventListener('up', () => {
    refusals = 0;
    become('up');
  });
  socket.addEventListener('down', ({ detail }) => become('again', detail.reason));
  socket.addEventListener('failed', async ({ detail }) => {
    if (detail.opened) return become('again', detail.reason);
    // A browser does not tell a page that is refused from a server that is gone. A server that
    // answers was perhaps just starting, and refuses the next try only if it refuses the page.
    const answered = await answers(link.url);
    if (link.state === 'up') return;
    refusals = answered ? refusals + 1 : 0;
    if (refusals > 1) become('refused');
    else if (!answered) {
      // A browser does not tell a certificate that it refuses from a server that is gone, either.
      const or = endpoint.scheme === 'wss' ? ', or this browser does not trust its certificate' : '';
      become('again', `nobody answers at ${link.url}${or}`);
    }
  });
  socket.connect(link.url);
}

// ===== the two sockets =====

async function receive(socket) {
  for await (const message of socket) take(message);
}

function tellWaiting(socket) {
  const { send, acknowledge } = socket.waiting;
  show('unacknowledged', `${send + acknowledge} unacknowledged`);
  at('unacknowledged').classList.toggle('some', send + acknowledge > 0);
}

function submit(socket) {
  const name = at('name').value.trim();
  const text = at('text').value.trim();
  if (!name || !text) return;
  // A page that did not come by https from elsewhere than this machine has no `randomUUID`.
  const id = Array.from(crypto.getRandomValues(new Uint32Array(4)), (it) => it.toString(36)).join('-');
  const message = { id, name, text, sent: Date.now() };
  const item = addMessage(message, true);
  socket.send(JSON.stringify(message))
    .then(() => fate(item, 'sent', 'sent'), (error) => fate(item, 'lost', `not sent: ${error.message}`))
    .finally(() => tellWaiting(socket));
  tellWaiting(socket);
  at('text').value = '';
  remember(name);
}

function remember(name) {
  try {
    localStorage.setItem('name', name);
  } catch {
    // A browser may keep nothing for pages.
  }
}

function remembered() {
  try {
    return localStorage.getItem('name');
  } catch {
    return null;
  }
}

async function start() {
  at('name').value = remembered() ?? `guest ${100 + Math.floor(Math.random() * 900)}`;
  const response = await fetch('endpoints.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(await response.text());
  const { send, receive: published, mode } = await response.json();
  if (published.length > 0) {
    const socket = new Socket();
    connect(socket, 'receiving', 'backend', published);
    receive(socket);
  } else {
    show('empty', 'Messages can be sent, and are not shown: the backend accepts no pages.');
    at('received').hidden = true;
  }
  if (mode !== 'publish' && published.length > 0) {
    show('empty', 'The proxy does not publish: each message goes to one of its consumers.');
  }
  if (send.length > 0) {
    const socket = new Socket({ atLeastOnce: true });
    connect(socket, 'sending', 'frontend', send);
    socket.addEventListener('up', () => tellWaiting(socket));
    at('form').addEventListener('submit', (event) => {
      event.preventDefault();
      submit(socket);
    });
    at('send').disabled = false;
  } else {
    at('form').hidden = at('unacknowledged').hidden = true;
  }
  tellState();
}

start().catch((error) => {
  at('state').className = 'refused';
  show('state', 'not connected');
  show('notice', error.message);
  at('notice').hidden = false;
});
