// smtp.mjs - a mail server for tests: takes every message, keeps it, and can be told to misbehave.
//
//   const smtp = await startSmtp();
//   await smtp.use(admin);                           the server's settings point here
//   const mail = await smtp.next('ann@example.com'); {from, to, subject, html, text, raw, session}
//   smtp.refuse = true;                              550 to every sender
//   smtp.mode = 'stall';                             see MODES
//   await smtp.down(); await smtp.up();              nobody listens meanwhile
//   after(() => smtp.stop());
//
//   startSmtp({ tls: 'implicit' | 'starttls', certificate: makeCertificate(dir),
//               auth: { username, password, methods: 'PLAIN LOGIN' } })
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { freePort, until } from './server.mjs';

// ok: takes it. busy: 451 to every recipient. stall: greets, then says nothing more.
// silent: not even that. cut: hangs up in the middle of a message. late: takes it, but never
// says so (the message counts as arrived).
const MODES = ['ok', 'busy', 'stall', 'silent', 'cut', 'late'];

/** A self-signed certificate for localhost and 127.0.0.1: {key, cert, file}. */
export function makeCertificate(dir) {
  const [key, file] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', file], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(file), file };
}

const decodeWords = (s) => s.replace(/=\?utf-8\?([bq])\?([^?]*)\?=\s*/gi, (_, kind, data) =>
  Buffer.from(kind.toLowerCase() === 'b' ? data : data.replace(/_/g, ' ').replace(/=([0-9A-F]{2})/gi, (_, h) => String.fromCharCode(parseInt(h, 16))),
    kind.toLowerCase() === 'b' ? 'base64' : 'latin1').toString());

function decodeBody(headers, body) {
  const encoding = (/^content-transfer-encoding:\s*(\S+)/im.exec(headers)?.[1] ?? '').toLowerCase();
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1').toString();
  return Buffer.from(body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/gi, (_, h) => String.fromCharCode(parseInt(h, 16))), 'latin1').toString();
}

/** {type: text} of a message's leaves. */
function parts(message, out = {}) {
  const end = message.indexOf('\r\n\r\n');
  const headers = message.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const body = message.slice(end + 4);
  const type = /^content-type:\s*([^;\s]+)/im.exec(headers)?.[1]?.toLowerCase() ?? 'text/plain';
  const boundary = /boundary="?([^";\r\n]+)"?/i.exec(headers)?.[1];
  if (type.startsWith('multipart/') && boundary)
    for (const part of body.split(`--${boundary}`).slice(1, -1)) parts(part.replace(/^\r\n/, ''), out);
  else out[type] = decodeBody(headers, body);
  return out;
}

/** One session: `smtp` says how to behave, `plain` is the socket it came in on. */
function serve(smtp, options, plain) {
  const session = { secure: false, hello: '', user: '', commands: [], ended: false };
  let socket = plain, buffer = '', data = false, from = '', to = [], answers = null;
  const say = (...lines) => { for (const line of lines) socket.write(`${line}\r\n`); };

  function listen(s) {
    socket = s;
    buffer = '';
    s.on('error', () => {});
    s.setEncoding('latin1');
    s.on('data', (bytes) => { buffer += bytes; pump(); });
  }

  function secure() {
    const s = new tls.TLSSocket(plain, { isServer: true, key: options.certificate.key, cert: options.certificate.cert });
    plain.removeAllListeners('data');
    session.secure = true;
    listen(s);
  }

  function signIn(user, password) {
    const good = user === options.auth.username && password === options.auth.password;
    if (good) session.user = user;
    say(good ? '235 welcome' : '535 5.7.8 wrong user or password');
  }

  const word = (base64) => Buffer.from(base64, 'base64').toString();

  function take(raw) {
    const leaves = parts(raw);
    smtp.mails.push({
      from, to, raw, session, html: leaves['text/html'] ?? '', text: leaves['text/plain'] ?? '',
      subject: decodeWords(/^subject:[ \t]*(.*)$/im.exec(raw.replace(/\r\n[ \t]+/g, ' '))?.[1] ?? '').trim(),
      id: /^message-id:\s*(\S+)/im.exec(raw)?.[1],
    });
    if (smtp.mode !== 'late') say('250 taken');
  }

  function command(line) {
    session.commands.push(line.replace(/ .*/, '').toUpperCase());
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO' || verb === 'HELO') {
      session.hello = line.slice(5);
      const offers = ['test'];
      if (options.tls === 'starttls' && !session.secure) offers.push('STARTTLS');
      if (options.auth) offers.push(`AUTH ${options.auth.methods ?? 'PLAIN LOGIN'}`);
      say(...offers.map((o, i) => `250${i < offers.length - 1 ? '-' : ' '}${o}`));
    } else if (line.toUpperCase() === 'STARTTLS') {
      say('220 go on');
      secure();
    } else if (/^AUTH PLAIN /i.test(line)) {
      signIn(...word(line.slice(11)).split('\0').slice(1));
    } else if (/^AUTH LOGIN/i.test(line)) {
      session.login = true;
      answers = line.length > 11 ? [word(line.slice(11))] : [];
      say(answers.length ? '334 UGFzc3dvcmQ6' : '334 VXNlcm5hbWU6');
    } else if (verb === 'MAIL') {
      from = /<([^>]*)>/.exec(line)?.[1] ?? '';
      to = [];
      if (options.auth && !session.user) say('530 5.7.0 sign in first');
      else say(smtp.refuse ? '550 no' : '250 ok');
    } else if (verb === 'RCPT') {
      to.push(/<([^>]*)>/.exec(line)?.[1] ?? '');
      say(smtp.mode === 'busy' ? '451 4.7.1 try again later' : '250 ok');
    } else if (verb === 'DATA') {
      data = true;
      say('354 go on');
    } else if (verb === 'QUIT') {
      say('221 bye');
      socket.end();
    } else {
      say('250 test');
    }
  }

  function pump() {
    for (;;) {
      if (data) {
        if (smtp.mode === 'cut' && buffer.length > 200) return socket.destroy();
        const end = buffer.indexOf('\r\n.\r\n');
        if (end < 0) return undefined;
        const raw = buffer.slice(0, end).replace(/^\.\./gm, '.');
        buffer = buffer.slice(end + 5);
        data = false;
        take(raw);
        continue;
      }
      const end = buffer.indexOf('\r\n');
      if (end < 0) return undefined;
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      if (smtp.mode === 'stall') continue;
      if (!answers) {
        command(line);
        continue;
      }
      answers.push(word(line));
      if (answers.length === 1) say('334 UGFzc3dvcmQ6');
      else {
        signIn(...answers);
        answers = null;
      }
    }
  }

  smtp.sessions.push(session);
  plain.on('close', () => { session.ended = true; });
  if (options.tls === 'implicit') secure();
  else listen(plain);
  if (smtp.mode !== 'silent') say('220 test');
}

export async function startSmtp(options = {}) {
  const smtp = { mails: [], sessions: [], refuse: false, mode: 'ok', port: await freePort() };
  let server = null;
  const open = new Set();
  smtp.up = async () => {
    server = net.createServer((socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.on('error', () => {});
      if (!MODES.includes(smtp.mode)) throw new Error(`no such mode: ${smtp.mode}`);
      serve(smtp, options, socket);
    });
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(smtp.port, '127.0.0.1', resolve);
    });
    server.unref();
  };
  smtp.down = () => new Promise((resolve) => {
    server.close(resolve);
    for (const socket of open) socket.destroy();
  });
  smtp.stop = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  await smtp.up();
  smtp.use = (admin, more = {}) => admin.settings.update({
    meta: { appName: 'Shop', appURL: 'http://shop.example', senderName: 'The Shop', senderAddress: 'shop@example.com' },
    smtp: { enabled: true, host: '127.0.0.1', port: smtp.port, username: '', password: '', tls: false, authMethod: '', localName: '', ...more },
  });
  /** The oldest mail to this address that was not asked for yet. */
  smtp.next = (to) => until(() => {
    const at = smtp.mails.findIndex((m) => !m.taken && m.to.includes(to));
    if (at < 0) return null;
    smtp.mails[at].taken = true;
    return smtp.mails[at];
  });
  smtp.count = (to) => smtp.mails.filter((m) => m.to.includes(to)).length;
  return smtp;
}
