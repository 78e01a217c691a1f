// snippets.ts - code to copy for each thing a collection's API can do: JavaScript, Dart, curl.
import { isMultiple } from './fieldTypes';
import type { Collection, Field, Rule } from './types';

export type Action = 'list' | 'view' | 'create' | 'update' | 'delete' | 'realtime' | 'batch' | 'methods' | 'password' | 'otp' | 'oauth2' | 'refresh' | 'verification' | 'reset' | 'email';
export type Language = 'js' | 'dart' | 'curl';
export interface Snippet { method: string; path: string; rule: Rule | undefined; code: Record<Language, string> }

export function actionsOf(one: Collection): Action[] {
  if (one.type === 'view') return ['list', 'view', 'realtime'];
  const crud: Action[] = ['list', 'view', 'create', 'update', 'delete', 'realtime', 'batch'];
  if (one.type !== 'auth') return crud;
  return [...crud, 'methods', ...(one.passwordAuth?.enabled ? ['password' as const] : []), ...(one.otp?.enabled ? ['otp' as const] : []), ...(one.oauth2?.enabled ? ['oauth2' as const] : []), 'refresh', 'verification', 'reset', 'email'];
}

function example(field: Field): unknown {
  const many = isMultiple(field);
  switch (field.type) {
    case 'number': return 12;
    case 'bool': return true;
    case 'email': return 'somebody@example.com';
    case 'url': return 'https://example.com';
    case 'date': return '2026-01-31 12:00:00.000Z';
    case 'editor': return '<p>Hello</p>';
    case 'json': return { any: 'thing' };
    case 'geoPoint': return { lon: 13.4, lat: 52.5 };
    case 'relation': return many ? ['RECORD_ID'] : 'RECORD_ID';
    case 'select': {
      const [first = 'choice'] = Array.isArray(field.values) ? (field.values as string[]) : [];
      return many ? [first] : first;
    }
    default: return 'text';
  }
}

/** What a create would send. Files need a form, and are left out. */
function exampleBody(one: Collection, forUpdate: boolean): Record<string, unknown> {
  const skip = new Set(['id', 'tokenKey', 'verified', 'emailVisibility', 'password']);
  const own = one.fields.filter((field) => !skip.has(field.name) && !['autodate', 'file', 'password'].includes(field.type) && !(forUpdate && field.name === 'email' && one.type === 'auth'));
  const body = Object.fromEntries(own.map((field) => [field.name, example(field)]));
  return one.type === 'auth' && !forUpdate ? { ...body, password: 'a-long-password', passwordConfirm: 'a-long-password' } : body;
}

const js = (value: unknown) => JSON.stringify(value, null, 2).replace(/"([A-Za-z_]\w*)":/g, '$1:').replace(/'/g, "\\'").replace(/"/g, "'");
const dart = (value: unknown) => JSON.stringify(value, null, 2).replace(/\$/g, '\\$');
const shell = (text: string) => `'${text.replace(/'/g, "'\\''")}'`;

interface Call { js: string; dart: string; method: string; path: string; query?: Record<string, string>; body?: unknown; token?: boolean; rule?: Rule }

function callOf(one: Collection, action: Action): Call {
  const { name } = one;
  const records = `/api/collections/${name}/records`;
  const own = `pb.collection('${name}')`;
  const sort = one.fields.some((field) => field.name === 'created') ? '-created' : '-id';
  const relation = one.fields.find((field) => field.type === 'relation')?.name;
  const identity = one.passwordAuth?.identityFields[0] === 'email' || !one.passwordAuth?.identityFields.length ? 'somebody@example.com' : 'somebody';
  switch (action) {
    case 'list': return {
      method: 'GET', path: records, query: { page: '1', perPage: '30', sort, ...(relation ? { expand: relation } : {}) }, rule: one.listRule,
      js: `const page = await ${own}.getList(1, 30, {\n  sort: '${sort}',${relation ? `\n  expand: '${relation}',` : ''}\n  filter: pb.filter('id != {:id}', { id: 'RECORD_ID' }),\n});\nconsole.log(page.totalItems, page.items);`,
      dart: `final page = await ${own}.getList(\n  page: 1,\n  perPage: 30,\n  sort: '${sort}',${relation ? `\n  expand: '${relation}',` : ''}\n  filter: pb.filter('id != {:id}', {'id': 'RECORD_ID'}),\n);\nprint(page.items);`,
    };
    case 'view': return { method: 'GET', path: `${records}/RECORD_ID`, rule: one.viewRule, js: `const record = await ${own}.getOne('RECORD_ID'${relation ? `, { expand: '${relation}' }` : ''});`, dart: `final record = await ${own}.getOne('RECORD_ID'${relation ? `, expand: '${relation}'` : ''});` };
    case 'create': {
      const body = exampleBody(one, false);
      return { method: 'POST', path: records, body, rule: one.createRule, js: `const record = await ${own}.create(${js(body)});`, dart: `final record = await ${own}.create(body: <String, dynamic>${dart(body)});` };
    }
    case 'update': {
      const body = exampleBody(one, true);
      return { method: 'PATCH', path: `${records}/RECORD_ID`, body, rule: one.updateRule, js: `const record = await ${own}.update('RECORD_ID', ${js(body)});`, dart: `final record = await ${own}.update('RECORD_ID', body: <String, dynamic>${dart(body)});` };
    }
    case 'delete': return { method: 'DELETE', path: `${records}/RECORD_ID`, rule: one.deleteRule, js: `await ${own}.delete('RECORD_ID');`, dart: `await ${own}.delete('RECORD_ID');` };
    case 'realtime': return {
      method: 'GET', path: '/api/realtime', rule: one.listRule,
      js: `await ${own}.subscribe('*', (event) => {\n  console.log(event.action, event.record);\n});\n\n// later\nawait ${own}.unsubscribe('*');`,
      dart: `await ${own}.subscribe('*', (event) {\n  print('\${event.action} \${event.record}');\n});\n\n// later\nawait ${own}.unsubscribe('*');`,
    };
    case 'batch': {
      const body = exampleBody(one, false);
      return {
        method: 'POST', path: '/api/batch', token: one.createRule !== '' || one.deleteRule !== '', body: { requests: [{ method: 'POST', url: records, body }, { method: 'DELETE', url: `${records}/RECORD_ID` }] },
        js: `const batch = pb.createBatch();\nbatch.collection('${name}').create(${js(body)});\nbatch.collection('${name}').delete('RECORD_ID');\nconst results = await batch.send();`,
        dart: `final batch = pb.createBatch();\nbatch.collection('${name}').create(body: <String, dynamic>${dart(body)});\nbatch.collection('${name}').delete('RECORD_ID');\nfinal results = await batch.send();`,
      };
    }
    default: return authCall(action, name, own, identity);
  }
}

function authCall(action: Exclude<Action, 'list' | 'view' | 'create' | 'update' | 'delete' | 'realtime' | 'batch'>, name: string, own: string, identity: string): Call {
  const base = `/api/collections/${name}`;
  const mail = 'somebody@example.com';
  switch (action) {
    case 'methods': return { method: 'GET', path: `${base}/auth-methods`, js: `const methods = await ${own}.listAuthMethods();`, dart: `final methods = await ${own}.listAuthMethods();` };
    case 'password': return {
      method: 'POST', path: `${base}/auth-with-password`, body: { identity, password: 'a-long-password' },
      js: `const auth = await ${own}.authWithPassword('${identity}', 'a-long-password');\nconsole.log(pb.authStore.isValid, auth.record.id);`, dart: `final auth = await ${own}.authWithPassword('${identity}', 'a-long-password');\nprint(auth.record.id);`,
    };
    case 'otp': return {
      method: 'POST', path: `${base}/request-otp`, body: { email: mail },
      js: `const { otpId } = await ${own}.requestOTP('${mail}');\n// the code comes by e-mail\nconst auth = await ${own}.authWithOTP(otpId, 'CODE');`, dart: `final request = await ${own}.requestOTP('${mail}');\n// the code comes by e-mail\nfinal auth = await ${own}.authWithOTP(request.otpId, 'CODE');`,
    };
    case 'oauth2': return {
      method: 'POST', path: `${base}/auth-with-oauth2`, body: { provider: 'google', code: 'CODE', codeVerifier: 'VERIFIER', redirectURL: 'REDIRECT_URL' },
      js: `const auth = await ${own}.authWithOAuth2({ provider: 'google' });`, dart: `final auth = await ${own}.authWithOAuth2('google', (url) async {\n  await launchUrl(url); // package:url_launcher\n});`,
    };
    case 'refresh': return { method: 'POST', path: `${base}/auth-refresh`, token: true, js: `const auth = await ${own}.authRefresh();`, dart: `final auth = await ${own}.authRefresh();` };
    case 'verification': return { method: 'POST', path: `${base}/request-verification`, body: { email: mail }, js: `await ${own}.requestVerification('${mail}');\n\n// with the token of the e-mail\nawait ${own}.confirmVerification('TOKEN');`, dart: `await ${own}.requestVerification('${mail}');\n\n// with the token of the e-mail\nawait ${own}.confirmVerification('TOKEN');` };
    case 'reset': return { method: 'POST', path: `${base}/request-password-reset`, body: { email: mail }, js: `await ${own}.requestPasswordReset('${mail}');\n\n// with the token of the e-mail\nawait ${own}.confirmPasswordReset('TOKEN', 'a-new-password', 'a-new-password');`, dart: `await ${own}.requestPasswordReset('${mail}');\n\n// with the token of the e-mail\nawait ${own}.confirmPasswordReset('TOKEN', 'a-new-password', 'a-new-password');` };
    case 'email': return { method: 'POST', path: `${base}/request-email-change`, token: true, body: { newEmail: 'new@example.com' }, js: `await ${own}.requestEmailChange('new@example.com');\n\n// with the token of the e-mail\nawait ${own}.confirmEmailChange('TOKEN', 'a-long-password');`, dart: `await ${own}.requestEmailChange('new@example.com');\n\n// with the token of the e-mail\nawait ${own}.confirmEmailChange('TOKEN', 'a-long-password');` };
  }
}

/** `server` ends with a slash, as serverUrl does. */
export function snippetOf(one: Collection, action: Action, server: string): Snippet {
  const call = callOf(one, action);
  const base = server.replace(/\/$/, '');
  const query = call.query ? `?${new URLSearchParams(call.query).toString()}` : '';
  const needsToken = call.token || (call.rule !== undefined && call.rule !== '');
  const curl = [
    `curl ${action === 'realtime' ? '-N ' : ''}${call.method === 'GET' ? '' : `-X ${call.method} `}${shell(base + call.path + query)}`,
    ...(needsToken ? [`  -H "Authorization: $TOKEN"`] : []),
    ...(call.body ? [`  -H 'Content-Type: application/json'`, `  -d ${shell(JSON.stringify(call.body, null, 2))}`] : []),
  ].join(' \\\n');
  return {
    method: call.method, path: call.path, rule: call.rule,
    code: {
      js: `import PocketBase from 'pocketbase';\n\nconst pb = new PocketBase('${base}');\n\n${call.js}`,
      dart: `import 'package:pocketbase/pocketbase.dart';\n\nfinal pb = PocketBase('${base}');\n\n${call.dart}`,
      curl,
    },
  };
}
