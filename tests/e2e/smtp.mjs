// smtp.mjs - a mail server for tests: takes every message, keeps it, and can be told to refuse.
//
//   const smtp = await startSmtp();
//   await smtp.use(admin);                           the server's settings point here
//   const mail = await smtp.next('ann@example.com'); {from, to, subject, html, text, raw}
//   after(() => smtp.stop());
import net from 'node:net';
import { until } from './server.mjs';

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

export async function startSmtp() {
  const smtp = { mails: [], refuse: false, seen: 0 };
  const server = net.createServer((socket) => {
    let buffer = '', data = false, from = '', to = [];
    const say = (line) => socket.write(`${line}\r\n`);
    socket.on('error', () => {});
    socket.setEncoding('latin1');
    say('220 test');
    socket.on('data', (bytes) => {
      buffer += bytes;
      for (;;) {
        if (data) {
          const end = buffer.indexOf('\r\n.\r\n');
          if (end < 0) return;
          const raw = buffer.slice(0, end).replace(/^\.\./gm, '.');
          buffer = buffer.slice(end + 5);
          data = false;
          const leaves = parts(raw);
          smtp.mails.push({
            from, to, raw, html: leaves['text/html'] ?? '', text: leaves['text/plain'] ?? '',
            subject: decodeWords(/^subject:\s*(.*)$/im.exec(raw.replace(/\r\n[ \t]+/g, ' '))?.[1] ?? '').trim(),
          });
          say('250 taken');
          continue;
        }
        const end = buffer.indexOf('\r\n');
        if (end < 0) return;
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'MAIL') { from = /<([^>]*)>/.exec(line)?.[1] ?? ''; to = []; say(smtp.refuse ? '550 no' : '250 ok'); }
        else if (verb === 'RCPT') { to.push(/<([^>]*)>/.exec(line)?.[1] ?? ''); say('250 ok'); }
        else if (verb === 'DATA') { data = true; say('354 go on'); }
        else if (verb === 'QUIT') { say('221 bye'); socket.end(); }
        else say('250 test');
      }
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  server.unref();
  smtp.port = server.address().port;
  smtp.stop = () => server.close();
  smtp.use = (admin) => admin.settings.update({
    meta: { appName: 'Shop', appURL: 'http://shop.example', senderName: 'The Shop', senderAddress: 'shop@example.com' },
    smtp: { enabled: true, host: '127.0.0.1', port: smtp.port, username: '', password: '', tls: false, authMethod: '', localName: '' },
  });
  /** The oldest mail to this address that was not asked for yet. */
  smtp.next = (to, ms = 8000) => until(() => {
    const at = smtp.mails.findIndex((m) => !m.taken && m.to.includes(to));
    if (at < 0) return null;
    smtp.mails[at].taken = true;
    return smtp.mails[at];
  }, ms);
  smtp.count = (to) => smtp.mails.filter((m) => m.to.includes(to)).length;
  return smtp;
}
