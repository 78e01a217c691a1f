// idp.mjs - an identity provider (oidc-provider) and a visitor's browser, for tests.
//
//   const idp = await startIdp([redirectUrl]);
//   idp.people.ann = { email: 'ann@example.com', email_verified: true, name: 'Ann' };
//   const back = await idp.visit(authUrl, 'ann');       where the browser ends: URL with ?code&state
import http from 'node:http';
import { Provider } from 'oidc-provider';

export const CLIENT = { clientId: 'app', clientSecret: 'secret & such' };

export async function startIdp(redirectUris) {
  const server = http.createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  server.unref();
  const base = `http://127.0.0.1:${server.address().port}`;
  const idp = { base, people: {}, seen: [], stop: () => { server.closeAllConnections?.(); server.close(); } };
  const common = { redirect_uris: redirectUris, grant_types: ['authorization_code'], response_types: ['code'], client_secret: CLIENT.clientSecret };
  const provider = new Provider(base, {
    clients: [
      { ...common, client_id: CLIENT.clientId, token_endpoint_auth_method: 'client_secret_basic' },
      { ...common, client_id: 'poster', token_endpoint_auth_method: 'client_secret_post' },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'picture'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['for tests'] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true, methods: ['S256'] },
    interactions: { url: (ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...idp.people[sub] }) }),
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600 },
  });
  const callback = provider.callback();
  server.on('request', async (req, res) => {
    idp.seen.push(`${req.method} ${req.url.split('?')[0]}`);
    if (!req.url.startsWith('/interaction/')) return callback(req, res);
    const accountId = req.headers['x-who'];
    await provider.interactionFinished(req, res, { login: { accountId } }, { mergeWithLastSubmission: false });
  });

  /** A fresh browser, signed in at the provider as `who`, until it leaves the provider. */
  idp.visit = async (url, who) => {
    const jar = new Map();
    for (let at = url, i = 0; i < 10; i++) {
      if (!at.startsWith(base)) return new URL(at);
      const res = await fetch(at, { redirect: 'manual', headers: { 'x-who': who, cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') } });
      for (const cookie of res.headers.getSetCookie?.() ?? []) {
        const [pair] = cookie.split(';');
        jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
      }
      const next = res.headers.get('location');
      if (!next) throw new Error(`the provider says ${res.status}: ${(await res.text()).slice(0, 300)}`);
      at = new URL(next, at).href;
    }
    throw new Error('too many redirects');
  };
  return idp;
}
