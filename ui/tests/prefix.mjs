// prefix.mjs - a proxy in front that gives the server a folder of its site: /shop/api is /api.
//
//   const proxy = await startProxy(server.port, '/shop');   proxy.url: "http://127.0.0.1:…/shop"
//   proxy.stop();
//
// What does not lie below the prefix is 404, so whoever asks beside it is found out.
import http from 'node:http';

export async function startProxy(port, prefix) {
  const beside = [];
  const proxy = http.createServer((req, res) => {
    if (!req.url.startsWith(`${prefix}/`)) {
      beside.push(req.url);
      return res.writeHead(404).end();
    }
    const inner = http.request({ host: '127.0.0.1', port, method: req.method, path: req.url.slice(prefix.length), headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
      res.on('close', () => inner.destroy());
    });
    inner.on('error', () => res.destroy());
    return req.pipe(inner);
  });
  await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
  proxy.unref();
  return { url: `http://127.0.0.1:${proxy.address().port}${prefix}`, beside, stop: () => { proxy.closeAllConnections?.(); proxy.close(); } };
}
