// contract.test.mjs - what the API promises to say: codes and messages of collections, settings, bodies and
// guards that no other file meets; and that every one in contract.json is met by some file.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { python } from './peer_folder.mjs';
import { failure, PEER, request, ROOT, startServer, text, until } from './server.mjs';

let server, admin, count = 0;

before(async () => {
  server = await startServer();
  admin = await server.admin();
});
after(() => server.stop({ keep: false }));

const send = (method, path, body, headers = {}) => request(server.port, method, path, { headers: { Authorization: admin.authStore.token, ...headers }, body });
const flat = (data, at = '') => Object.entries(data).flatMap(([key, v]) => (typeof v.code === 'string' ? [[at + key, v]] : flat(v, `${at}${key}.`)));

/** Each row: [what is sent, {field: [code, message, params]}]; a code alone may stand without brackets. */
async function refused(rows, method, path, summary) {
  for (const [body, expected] of rows) {
    const got = await send(method, typeof path === 'function' ? path(body) : path, body), said = JSON.stringify(body).slice(0, 150);
    assert.deepEqual([got.status, got.json?.message], [400, summary], `${said}: ${got.body}`);
    const errors = Object.fromEntries(flat(got.json.data));
    assert.deepEqual(Object.keys(errors).sort(), Object.keys(expected).sort(), said);
    for (const [key, wanted] of Object.entries(expected)) {
      const [code, message, params] = [].concat(wanted);
      assert.equal(errors[key].code, code, `${said}: ${key}`);
      if (message) assert.equal(errors[key].message, message, `${said}: ${key}`);
      if (params) assert.deepEqual(errors[key].params, params, `${said}: ${key}`);
    }
  }
}

const name = () => `c${count++}`;
const BLANK = ['validation_required', 'Cannot be blank.'];
const LESS = (threshold) => ['validation_min_greater_equal_than_required', `Must be no less than ${threshold}.`, { threshold }];
const MORE = (threshold) => ['validation_max_less_equal_than_required', `Must be no greater than ${threshold}.`, { threshold }];
const LENGTH = (min, max) => ['validation_length_out_of_range', `The length must be between ${min} and ${max}.`, { min, max }];
const FORM = ['validation_match_invalid', 'Must be in a valid format.'];

test('collections: names, ids, types', async () => {
  const users = '_pb_users_auth_';
  await refused([
    [{}, { name: BLANK }], [{ name: 'x'.repeat(256) }, { name: LENGTH(1, 255) }], [{ name: 'a-b' }, { name: FORM }], [{ name: 'a_VIA_b' }, { name: 'validation_found_via' }],
    [{ name: 'USERS' }, { name: 'validation_collection_name_exists' }], [{ name: users }, { name: 'validation_collection_name_id_duplicate' }],
    [{ name: '_params' }, { name: 'validation_collection_name_invalid' }], [{ name: '_Collections' }, { name: 'validation_collection_name_invalid' }],
    [{ name: 'fine', id: users }, { id: 'validation_invalid_or_existing_id' }], [{ name: 'fine', id: 'a b' }, { id: FORM }], [{ name: 'fine', id: 'x'.repeat(101) }, { id: LENGTH(1, 100) }],
    [{ name: 'fine', type: 'nope' }, { type: ['validation_in_invalid', 'Must be a valid value.'] }],
    // what is wrong with the collection and with its fields is told together
    [{ name: '', fields: [text('f', { min: 5, max: 4 })] }, { name: BLANK, 'fields.1.max': LESS(5) }],
  ], 'POST', '/api/collections', 'Failed to create collection.');
  await refused([
    ...(PEER ? [] : [[{ id: 'other' }, { id: ['validation_values_mismatch', "Values don't match."] }]]), [{ system: true }, { system: 'validation_collection_system_flag_change' }],
    [{ manageRule: '' }, { manageRule: ['validation_nil_or_not_empty_required', 'Cannot be blank.'] }], [{ authRule: 'nope = 1' }, { authRule: 'validation_invalid_rule' }],
  ], 'PATCH', '/api/collections/users', 'Failed to update collection.');
  assert.equal((await send('PATCH', '/api/collections/users', { type: 'base' })).json.data.type.code, 'validation_collection_type_change');
  await refused([
    [{ name: 'other' }, { name: 'validation_collection_system_name_change' }], [{ listRule: null }, { listRule: 'validation_collection_system_rule_change' }], [{ system: false }, { system: 'validation_collection_system_flag_change' }],
  ], 'PATCH', '/api/collections/_mfas', 'Failed to update collection.');
  await refused([[{ name: 'other' }, { name: 'validation_collection_system_name_change' }]], 'PATCH', '/api/collections/_superusers', 'Failed to update collection.');
  const own = (await send('PATCH', '/api/collections/_superusers', { oauth2: { enabled: true }, passwordAuth: { enabled: false } })).json;
  assert.deepEqual([own.name, own.oauth2.enabled, own.passwordAuth.enabled], ['_superusers', false, true]);
});

test('collections: indexes', async () => {
  const index = (on, cols, more = '') => `CREATE ${more}INDEX ${on} ON t (${cols})`;
  await refused([
    [[index('i1', 'a'), index('I1', 'b')], { 'indexes.1': 'validation_duplicated_index_name' }], [[index('i1', 'a'), index('i2', 'a')], { 'indexes.1': 'validation_duplicated_index_definition' }],
    [['nope', index('i1', 'a')], { 'indexes.0': 'validation_invalid_index_expression' }], [[index('i1', 'missing')], { 'indexes.0': 'validation_invalid_index_expression' }],
    [[index('idx_email__pb_users_auth_', 'a')], { 'indexes.0': ['validation_existing_index_name', undefined, { usedTableName: 'users' }] }],
  ].map(([indexes, expected]) => [{ name: name(), fields: [text('a'), text('b')], indexes }, expected]), 'POST', '/api/collections', 'Failed to create collection.');
  await refused([[{ indexes: [] }, { indexes: ['validation_invalid_unique_system_field_index', undefined, { fieldName: 'collectionRef' }] }]], 'PATCH', '/api/collections/_externalAuths', 'Failed to update collection.');
  const users = await admin.collections.update('users', { indexes: [] }); // added, not asked for
  assert.deepEqual(users.indexes.map((i) => /`(idx_\w+)`/.exec(i)[1]).sort(), ['idx_email__pb_users_auth_', 'idx_tokenKey__pb_users_auth_']);
});

test('collections: views', async () => {
  const view = (viewQuery, more = {}) => ({ name: name(), type: 'view', viewQuery, ...more });
  const invalid = { fields: BLANK, viewQuery: 'validation_invalid_view_query' };
  await refused([
    [view(''), { fields: BLANK, viewQuery: BLANK }], [view('nonsense'), invalid], [view('SELECT 1'), { fields: 'validation_missing_primary_key', viewQuery: 'validation_invalid_view_query' }], [view('SELECT * FROM users'), invalid], [view('DELETE FROM users'), invalid], [view('SELECT 1 AS id; SELECT 2 AS id'), invalid],
    [view('SELECT id FROM users', { createRule: '', updateRule: '', deleteRule: '' }), { createRule: ['validation_nil', 'Must be blank.'], updateRule: 'validation_nil', deleteRule: 'validation_nil' }],
    [view('SELECT id FROM users', { indexes: ['CREATE INDEX i ON t (id)'] }), { indexes: 'validation_indexes_not_supported' }],
  ], 'POST', '/api/collections', 'Failed to create collection.');
  for (const [query, raw] of [['SELECT * FROM users', /wildcard columns \(\*\) are not supported/], ['SELECT 1 AS id; SELECT 2', /multiple statements are not supported/], ['INSERT INTO users (id) VALUES (1)', /./]]) {
    const err = (await failure(admin.send('/api/collections/meta/dry-run-view', { method: 'POST', body: { query } }), 400)).response;
    assert.deepEqual(err.data, {});
    assert.match(err.message, /^Invalid view query. Raw error: \n/);
    assert.match(err.message, raw);
  }
  await refused([[{ query: '' }, { query: BLANK }], [{ query: 'x'.repeat(5001) }, { query: ['validation_length_too_long', 'The length must be no more than 5000.', { min: 0, max: 5000 }] }]],
    'POST', '/api/collections/meta/dry-run-view', 'An error occurred while validating the submitted data.');
});

test('collections: options of sign-in', async () => {
  const off = { enabled: false };
  await refused([
    [{ mfa: { enabled: true } }, { 'mfa.enabled': 'validation_mfa_not_enough_auths' }], [{ mfa: { enabled: true, duration: 9 }, otp: { enabled: true, duration: 86401, length: 3 } }, { 'mfa.duration': LESS(10), 'otp.duration': MORE(86400), 'otp.length': LESS(4) }],
    [{ mfa: { enabled: true, duration: 0 }, otp: { enabled: true, duration: 0, length: 0 } }, { 'mfa.duration': BLANK, 'otp.duration': BLANK, 'otp.length': BLANK }],
    ...['authToken', 'passwordResetToken', 'emailChangeToken', 'verificationToken', 'fileToken'].flatMap((token) => [[{ [token]: { secret: 'x'.repeat(29), duration: 9 } }, { [`${token}.secret`]: LENGTH(30, 255), [`${token}.duration`]: LESS(10) }],
      [{ [token]: { secret: 'x'.repeat(256), duration: 94670857 } }, { [`${token}.secret`]: LENGTH(30, 255), [`${token}.duration`]: MORE(94670856) }], [{ [token]: { duration: 0 } }, { [`${token}.duration`]: BLANK }]]),
    [{ passwordAuth: { identityFields: [] } }, { 'passwordAuth.identityFields': BLANK }], [{ passwordAuth: { identityFields: ['email', 'nope'] } }, { 'passwordAuth.identityFields': ['validation_missing_field', undefined, { fieldName: 'nope' }] }],
    [{ passwordAuth: { identityFields: ['name'] } }, { 'passwordAuth.identityFields': ['validation_missing_unique_constraint', undefined, { fieldName: 'name' }] }],
    [{ oauth2: { enabled: true, providers: [{ name: 'google', clientId: 'a', clientSecret: 'b' }, { name: 'google', clientId: 'a', clientSecret: 'b' }] } }, { 'oauth2.providers.1.name': 'validation_duplicated_provider' }],
    [{ oauth2: { enabled: true, providers: [{ name: 'nope' }, { name: 'google', clientId: 'a', clientSecret: 'b', authURL: 'x y', tokenURL: ':', userInfoURL: '' }, {}] } },
      { 'oauth2.providers.0.name': 'validation_missing_provider', 'oauth2.providers.0.clientId': BLANK, 'oauth2.providers.0.clientSecret': BLANK, 'oauth2.providers.1.authURL': ['validation_is_url', 'Must be a valid URL.'], 'oauth2.providers.1.tokenURL': 'validation_is_url',
        'oauth2.providers.2.name': BLANK, 'oauth2.providers.2.clientId': BLANK, 'oauth2.providers.2.clientSecret': BLANK }],
  ], 'PATCH', '/api/collections/users', 'Failed to update collection.');
  await admin.collections.update('users', { mfa: off, otp: { enabled: false, duration: 1 }, oauth2: { enabled: false, providers: [{ name: 'nope' }] }, passwordAuth: { enabled: false, identityFields: [] } });
  await admin.collections.update('users', { otp: { duration: 180 }, oauth2: { providers: [] }, passwordAuth: { enabled: true, identityFields: ['email'] } });
  const mapped = await admin.collections.update('users', { oauth2: { mappedFields: { name: 'name', username: 'nope' } } });
  assert.deepEqual(mapped.oauth2.mappedFields, { id: '', name: 'name', username: '', avatarURL: 'avatar' });
});

test('collections: what keeps one from going', async () => {
  const target = await admin.collections.create({ name: 'target', fields: [text('t')] });
  for (const source of ['beta', 'alpha']) await admin.collections.create({ name: source, fields: [{ name: 'r', type: 'relation', collectionId: target.id, required: true }, { name: 'self', type: 'relation', collectionId: target.id }] });
  const message = async (method, path) => {
    const got = await send(method, path);
    assert.deepEqual([got.status, got.json.data], [400, {}], path);
    return got.json.message;
  };
  assert.match(await message('DELETE', '/api/collections/target'), /^Failed to delete collection probably due to existing reference in (alpha, beta|beta, alpha)\.$/);
  assert.equal(await message('DELETE', '/api/collections/_superusers'), 'Failed to delete collection.');
  const r = await admin.collection('target').create({});
  await admin.collection('alpha').create({ r: r.id });
  assert.equal(await message('DELETE', '/api/collections/target/truncate'), 'Failed to truncate collection (most likely due to required cascade delete record references).');
  assert.equal(await message('DELETE', `/api/collections/target/records/${r.id}`), 'Failed to delete record. Make sure that the record is not part of a required relation reference.');
  await admin.collections.create({ name: 'seen', type: 'view', viewQuery: 'SELECT id FROM alpha' });
  assert.match(await message('DELETE', '/api/collections/alpha'), PEER ? /^Failed to delete collection\.$/ : /existing reference in seen\.$/);
  assert.equal(await message('DELETE', '/api/collections/seen/truncate'), "View collections cannot be truncated since they don't store their own records.");
  for (const [method, path] of [['POST', ''], ['PATCH', '/x'], ['DELETE', '/x']]) assert.equal(await message(method, `/api/collections/seen/records${path}`), 'Unsupported collection type.');
  assert.equal(await message('DELETE', `/api/collections/_superusers/records/${admin.authStore.record.id}`), "You can't delete the only existing superuser.");
});

test('records of sign-in: what they refer to', async () => {
  const row = (more) => ({ collectionRef: '_pb_users_auth_', recordRef: 'x', provider: 'google', providerId: '1', ...more });
  await refused([
    [row({ collectionRef: 'nope' }), { collectionRef: 'validation_invalid_collection_id' }], [row({ collectionRef: 'pbc_2279338944' }), { collectionRef: 'validation_invalid_collection_type' }],
    [row({ provider: 'nope' }), { ...(PEER ? {} : { provider: 'validation_missing_provider' }), recordRef: 'validation_invalid_record' }], [{}, { collectionRef: BLANK, recordRef: BLANK, provider: BLANK, providerId: BLANK }],
  ], 'POST', '/api/collections/_externalAuths/records', 'Failed to create record.');
  const password = { password: '12345678', passwordConfirm: '12345678' };
  await refused([[{ id: admin.authStore.record.id, email: 'a@b.io', ...password }, { id: 'validation_invalid_auth_id' }]], 'POST', '/api/collections/users/records', 'Failed to create record.');
  await admin.collections.create({ name: 'people', type: 'auth' });
  const r = await admin.collection('people').create({ email: 'a@b.io', ...password });
  await refused([[{ id: r.id, email: 'b@b.io', ...password }, { id: 'validation_invalid_auth_id' }]], 'POST', '/api/collections/users/records', 'Failed to create record.');
});

test('settings: each wrong value at its place', async () => {
  const rule = (more = {}) => ({ label: '/x', audience: '', duration: 1, maxRequests: 1, ...more });
  const rules = (...list) => ({ rateLimits: { enabled: true, rules: list } });
  const conflict = 'validation_conflicting_rate_limit_rule', host = ['validation_is_host', 'Must be a valid IP address or DNS name.'];
  await refused([
    [{ meta: { appName: '', senderName: '', senderAddress: 'x', appURL: 'x y' } }, { 'meta.appName': BLANK, 'meta.senderName': BLANK, 'meta.senderAddress': ['validation_is_email', 'Must be a valid email address.'], 'meta.appURL': ['validation_is_url', 'Must be a valid URL.'] }],
    [{ meta: { appName: 'x'.repeat(256), senderName: 'x'.repeat(256) } }, { 'meta.appName': LENGTH(1, 255), 'meta.senderName': LENGTH(1, 255) }],
    [{ meta: { accentColor: '#zzzzzz' } }, { 'meta.accentColor': ['validation_is_hex_color', 'Must be a valid hexadecimal color code.'] }], [{ meta: { accentColor: '#fff' } }, { 'meta.accentColor': ['validation_length_invalid', 'The length must be exactly 7.', { min: 7, max: 7 }] }],
    [{ smtp: { enabled: true, host: '', port: 0 } }, { 'smtp.host': BLANK, 'smtp.port': BLANK }], [{ smtp: { host: 'a b', localName: 'x_y z', authMethod: 'NOPE', port: -1 } }, { 'smtp.host': host, 'smtp.localName': host, 'smtp.authMethod': ['validation_in_invalid', 'Must be a valid value.'], 'smtp.port': LESS(0) }],
    [{ backups: { cron: 'x', cronMaxKeep: 0 } }, { 'backups.cron': 'validation_invalid_cron', 'backups.cronMaxKeep': BLANK }], [{ backups: { cron: '* * * * 7' } }, { 'backups.cron': 'validation_invalid_cron' }], [{ backups: { cron: '60 * * * *' } }, { 'backups.cron': 'validation_invalid_cron' }],
    [{ superuserIPs: ['nope', '10.0.0.0/8'], rateLimits: { excludedIPs: ['1.2.3.4/33'] } }, { 'superuserIPs.0': ['validation_invlaid_ip_or_subnet', 'Invalid IP or CIDR subnet.'], 'rateLimits.excludedIPs.0': 'validation_invlaid_ip_or_subnet' }],
    [rules(), { 'rateLimits.rules': BLANK }], [rules(rule(), rule()), { 'rateLimits.rules.1.label': conflict }], [rules(rule(), rule({ audience: '@auth' })), { 'rateLimits.rules.1.label': conflict }],
    [rules(rule({ audience: '@auth' }), rule({ audience: '@guest' }), rule({ audience: '@guest' })), { 'rateLimits.rules.2.label': conflict }],
    [rules(rule({ label: '', duration: 0, maxRequests: 0 }), rule({ label: 'a b', audience: 'x', duration: -1, maxRequests: -1 })),
      { 'rateLimits.rules.0.label': BLANK, 'rateLimits.rules.0.duration': BLANK, 'rateLimits.rules.0.maxRequests': BLANK, 'rateLimits.rules.1.label': FORM, 'rateLimits.rules.1.audience': 'validation_in_invalid', 'rateLimits.rules.1.duration': LESS(1), 'rateLimits.rules.1.maxRequests': LESS(1) }],
  ], 'PATCH', '/api/settings', 'An error occurred while saving the new settings.');
});

test('bodies, guards, unknown places', async () => {
  const said = async (status, message, method, path, body, headers) => {
    const got = await send(method, path, body, headers);
    assert.deepEqual([got.status, got.json], [status, { data: {}, message, status }], `${method} ${path}`);
  };
  await admin.collections.create({ name: 'open', listRule: '', createRule: '', fields: [text('t')] });
  const guest = { Authorization: '' };
  for (const type of ['text/html', 'text/plain', 'image/png']) await said(400, 'Unsupported Content-Type.', 'POST', '/api/collections/open/records', '<x/>', { 'Content-Type': type });
  await said(413, 'Request entity too large.', 'POST', '/api/collections/open/records', '{}', { 'Content-Type': 'application/json', 'Content-Length': 64 << 20 });
  await said(404, "The requested resource wasn't found.", 'GET', '/api/nope');
  await said(404, "The requested resource wasn't found.", 'DELETE', '/api/health');
  await said(404, 'Missing collection context.', 'GET', '/api/collections/nope/records');
  await said(400, 'Something went wrong while processing your request.', 'GET', '/api/collections/open/records?page=x');
  await said(403, 'Only superusers can perform this action.', 'GET', '/api/collections/people/records', undefined, guest);
  await said(401, 'The request requires valid record authorization token.', 'GET', '/api/collections', undefined, guest);
  const near = { 'X-Ip': '10.0.0.1' }; // the only address of superusers
  await send('PATCH', '/api/settings', { trustedProxy: { headers: ['X-Ip'] }, superuserIPs: ['10.0.0.1'] }, near);
  await said(403, 'You are not allowed to perform this request.', 'GET', '/api/collections');
  assert.equal((await send('PATCH', '/api/settings', { trustedProxy: { headers: [] }, superuserIPs: [] }, near)).status, 200);
  await said(403, 'Batch requests are not allowed.', 'POST', '/api/batch', { requests: [] });
  await admin.settings.update({ batch: { enabled: true, maxRequests: 3 } });
  await said(400, 'Failed to read the submitted batch data.', 'POST', '/api/batch', { requests: 'x' });
  const batch = await send('POST', '/api/batch', { requests: [{ method: 'POST', url: '/api/collections/open/records' }, { method: 'POST', url: '/api/collections/users/records', body: {} }] });
  assert.equal(batch.json.message, 'Batch transaction failed.');
  const { response, ...item } = batch.json.data.requests['1'];
  assert.deepEqual(item, { code: 'batch_request_failed', message: 'Batch request failed.' });
  assert.deepEqual([response.status, response.message, response.data.password.code], [400, 'Failed to create record.', 'validation_required']);
});

test('what the dashboard asks for: codes of our own', { skip: PEER ? 'not of PocketBase' : false }, async () => {
  await admin.collections.create({ name: 'counted', type: 'view', viewQuery: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200001) SELECT i AS id FROM n' });
  const rows = [
    ['POST', '/api/collections/meta/check-rule', { collection: 'nope', rule: 'a = 1' }, { collection: 'validation_missing_collection' }],
    ['POST', '/api/collections/meta/test-rule', { collection: 'users', ruleName: 'createRule', auth: { collection: 'users', id: 'nope' } }, { auth: 'validation_missing_record' }],
    ['POST', '/api/collections/users/import', { mode: 'update', key: 'name', records: [{ name: 'x' }] }, { key: 'validation_not_unique_field' }],
    ['GET', '/api/collections/users/export?filter=nope%3D1', undefined, { filter: 'validation_invalid_filter' }],
    ['GET', '/api/collections/users/export?fields=id,nope', undefined, { fields: 'validation_unknown_field' }],
    ['GET', '/api/collections/counted/export', undefined, { sort: 'validation_too_many' }],
  ];
  for (const [method, path, body, expected] of rows) {
    let got; // 503: counting took too long on a busy machine
    await until(async () => (got = await send(method, path, body)).status !== 503);
    assert.equal(got.status, 400, `${path}: ${got.body.slice(0, 300)}`);
    assert.deepEqual(Object.fromEntries(flat(got.json.data).map(([key, e]) => [key, e.code])), expected, path);
  }
  await admin.collections.delete('counted');
});

test('a relation whose collection is gone says so', { skip: PEER ? 'writes into its folder' : false }, async () => {
  const target = await admin.collections.create({ name: 'lost', fields: [text('t')] });
  await admin.collections.create({ name: 'left', fields: [{ name: 'r', type: 'relation', collectionId: target.id, maxSelect: 1 }] });
  await server.stop({ keep: true });
  python(join(server.data, 'data.db'), 'db.execute("UPDATE _collections SET fields = replace(fields, ?, \'pbc_0\') WHERE name = \'left\'", [args])', target.id);
  server = await startServer({ dir: server.dir, owner: false });
  admin = await server.admin();
  await refused([[{ r: 'abcdefghijklmno' }, { r: 'validation_missing_rel_collection' }]], 'POST', '/api/collections/left/records', 'Failed to create record.');
  assert.equal((await admin.collection('left').create({})).r, '');
});

// ---- the list ----

const contract = JSON.parse(readFileSync(join(ROOT, 'tests/e2e/contract.json'), 'utf8'));

/** All e2e tests as one text, regular expressions and quotes without their backslashes. */
const tests = readdirSync(join(ROOT, 'tests/e2e')).filter((f) => f.endsWith('.test.mjs')).map((f) => readFileSync(join(ROOT, 'tests/e2e', f), 'utf8')).join('\n').replaceAll('\\', '');

/** Every code that the server's source has. */
function codesOfSource(dir = join(ROOT, 'src')) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? codesOfSource(join(dir, entry.name))
    : entry.name.endsWith('.c') ? [...readFileSync(join(dir, entry.name), 'utf8').matchAll(/"(validation_\w+)"/g)].map((m) => m[1]) : []));
}

test('each promised status, code and message is met by a test', () => {
  const word = (code) => new RegExp(`\\b${code}\\b`).test(tests);
  assert.deepEqual(contract.statuses.filter((s) => !word(s)), [], 'statuses that no test meets');
  assert.deepEqual([...contract.codes, ...contract.ours].filter((c) => !word(c)), [], 'codes that no test meets');
  assert.deepEqual(contract.messages.filter((m) => !tests.includes(m)), [], 'messages that no test meets');
  for (const [what, why] of Object.entries(contract.unreachable)) assert.ok(why.length > 20 && !contract.codes.includes(what), what);
});

test('a code in the source is promised, or said to be ours', () => {
  const known = new Set([...contract.codes, ...contract.ours, ...Object.keys(contract.unreachable)]);
  assert.deepEqual([...new Set(codesOfSource())].filter((c) => !known.has(c)).sort(), []);
});
