// eventsource.mjs - the browser's EventSource, as much of it as the SDK uses, over node:http.
//
// Node 20 has none. Unlike a browser's it does not reconnect by itself: the SDK closes and opens
// anew after an error, which is what matters here.
import http from 'node:http';

export class EventSource {
  constructor(url, { localAddress } = {}) {
    this.url = String(url);
    this.readyState = 0;
    this.listeners = new Map();
    this.comments = 0;
    this.request = http.get(this.url, { headers: { Accept: 'text/event-stream' }, localAddress, agent: false }, (res) => {
      this.response = res;
      if (res.statusCode !== 200) return this.fail(new Error(`status ${res.statusCode}`));
      this.readyState = 1;
      this.onopen?.({});
      let rest = '';
      res.setEncoding('utf8');
      res.on('data', (text) => {
        const parts = (rest + text).split('\n\n');
        rest = parts.pop();
        for (const part of parts) this.dispatch(part);
      });
      res.on('error', (err) => this.fail(err));
      res.on('close', () => this.fail(new Error('the stream ended')));
    });
    this.request.on('error', (err) => this.fail(err));
  }
  dispatch(part) {
    const event = { lastEventId: '', type: 'message', data: null, raw: part };
    for (const line of part.split('\n')) {
      const at = line.indexOf(':');
      const [key, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
      if (at === 0) this.comments++;
      else if (key === 'id') event.lastEventId = value;
      else if (key === 'event') event.type = value;
      else if (key === 'data') event.data = event.data === null ? value : `${event.data}\n${value}`;
    }
    for (const fn of [...(this.listeners.get(event.type) ?? []), ...(this.listeners.get('*any') ?? [])]) fn(event);
  }
  fail(error) {
    if (this.readyState === 2) return;
    this.close();
    this.onerror?.({ error });
  }
  addEventListener(type, fn) {
    if (!this.listeners.has(type)) this.listeners.set(type, new Set());
    this.listeners.get(type).add(fn);
  }
  removeEventListener(type, fn) {
    this.listeners.get(type)?.delete(fn);
  }
  close() {
    this.readyState = 2;
    this.request.destroy();
  }
}

globalThis.EventSource ??= EventSource;
