// peer_folder.mjs - a data folder as PocketBase leaves it, made in one of two ways:
//
//   fillByPeer(dir)    a real PocketBase v0.39 (PEER_BINARY) fills it over its API and is stopped
//   fillByLayout(dir)  python3's sqlite3 writes what api: operations §9 documents; like PocketBase's,
//                      its SQLite takes "text" that names no column for a literal
//
// Both give {data, before, tokens}: the folder, what the API showed of it, and tokens signed with its
// secrets. The content is the same: COLLECTIONS and RECORDS below.
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import PocketBase from 'pocketbase';
import { OWNER, freePort, request, text, until } from './server.mjs';

export const PEER_BINARY = process.env.PEER_BINARY ?? '';
export const PASSWORD = 'people-password-1';

// ---- the content ----

const USERS = '_pb_users_auth_';
const TAGS = 'pbc_tags0000000';
const dates = [
  { name: 'created', type: 'autodate', onCreate: true, onUpdate: false },
  { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
];

const COLLECTIONS = [
  { id: TAGS, name: 'tags', type: 'base', listRule: '', viewRule: '', fields: [text('label', { required: true }), ...dates] },
  {
    id: 'pbc_everything0', name: 'everything', type: 'base',
    listRule: 'owner = @request.auth.id || title = "public"', viewRule: 'owner = @request.auth.id || title = "public"',
    createRule: '@request.auth.id != "" && owner = @request.auth.id', updateRule: 'owner = @request.auth.id', deleteRule: null,
    fields: [
      text('title', { required: true, max: 100, pattern: '^[a-z ]+$' }), text('code', { autogeneratePattern: '[A-Z]{4}' }),
      { name: 'body', type: 'editor', convertURLs: true }, { name: 'mail', type: 'email', exceptDomains: ['bad.example'] },
      { name: 'link', type: 'url' }, { name: 'amount', type: 'number', min: -10, max: 1000000 },
      { name: 'whole', type: 'number', onlyInt: true }, { name: 'flag', type: 'bool' }, { name: 'day', type: 'date' },
      { name: 'one', type: 'select', values: ['a', 'b'], maxSelect: 1 },
      { name: 'many', type: 'select', values: ['x', 'y', 'z'], maxSelect: 3 },
      { name: 'data', type: 'json' }, { name: 'place', type: 'geoPoint' },
      { name: 'owner', type: 'relation', collectionId: USERS, maxSelect: 1, cascadeDelete: true },
      { name: 'tags', type: 'relation', collectionId: TAGS, maxSelect: 9 },
      { name: 'doc', type: 'file', maxSelect: 1 }, { name: 'locked', type: 'file', maxSelect: 2, protected: true },
      { name: 'pass', type: 'password', min: 4 }, text('secret', { hidden: true }), ...dates,
    ],
    indexes: [
      'CREATE UNIQUE INDEX `idx_title_code` ON `everything` (\n  `title`,\n  `code`\n)',
      'CREATE INDEX "idx_public" ON everything ("title" COLLATE NOCASE DESC) WHERE "one" = "a" AND "title" != "it\'s"',
    ],
  },
  {
    id: 'pbc_members0000', name: 'members', type: 'auth',
    listRule: 'id = @request.auth.id', viewRule: 'id = @request.auth.id', updateRule: 'id = @request.auth.id',
    fields: [text('nick'), { name: 'friend', type: 'relation', collectionId: USERS, maxSelect: 1 }, ...dates],
    indexes: ['CREATE UNIQUE INDEX `idx_nick` ON `members` (`nick`) WHERE `nick` != ""'],
    passwordAuth: { enabled: true, identityFields: ['email', 'nick'] },
  },
  {
    id: 'pbc_numbers0000', name: 'numbers', type: 'view', listRule: '', viewRule: '',
    viewQuery: 'select (ROW_NUMBER() OVER (order by label)) as id, label from tags',
  },
  {
    id: 'pbc_shown000000', name: 'shown', type: 'view', listRule: '', viewRule: 'title = "public"',
    viewQuery: 'SELECT e.id, e.title, "a literal" as lit, e.doc, e.locked as safe, e.secret, e.owner, count(e.id) AS n\n'
      + '-- not those of nothing\nFROM everything e WHERE e.one != "nothing" GROUP BY e.id;',
  },
  {
    id: 'pbc_reshown0000', name: 'reshown', type: 'view', listRule: '', viewRule: '',
    viewQuery: 'SELECT shown.id, shown.lit, "more" AS more, shown.doc AS paper FROM shown',
  },
];

const ID = (name) => `${name}000000000000000`.slice(0, 15);
const person = (name, more) => ({ id: ID(name), email: `${name}@example.com`, emailVisibility: false, verified: true, ...more });
const RECORDS = {
  users: [person('ann', { name: 'Ann', avatar: 'ann_abcdefghij.png' }), person('bob', { name: 'Bob', avatar: '', emailVisibility: true })],
  members: [person('cy', { nick: 'cy', friend: ID('ann') }), person('di', { nick: '', friend: '' })],
  tags: [{ id: ID('red'), label: 'red' }, { id: ID('blue'), label: 'blue' }],
  everything: [
    {
      id: ID('public'), title: 'public', code: 'AAAA', body: '<p>ä</p>', mail: 'x@example.com', link: 'https://example.com/?a=b',
      amount: 12.5, whole: -3, flag: true, day: '2024-02-29 10:20:30.456Z', one: 'a', many: ['z', 'x'],
      data: { deep: [1, 'two', null, { x: '"' }] }, place: { lon: 12.5, lat: -7.25 }, owner: ID('ann'), tags: [ID('red'), ID('blue')],
      doc: 'read_me_abcdefghij.txt', locked: ['l1_abcdefghij.txt', 'l2_abcdefghij.txt'], pass: '', secret: 's1',
    },
    {
      id: ID('ofbob'), title: 'of bob', code: 'BBBB', body: '', mail: '', link: '', amount: 0, whole: 0, flag: false, day: '', one: 'b',
      many: [], data: 'text', place: { lon: 0, lat: 0 }, owner: ID('bob'), tags: [], doc: '', locked: [], pass: '', secret: 's2',
    },
    {
      id: ID('bare'), title: 'bare', code: 'CCCC', body: '', mail: '', link: '', amount: 0, whole: 0, flag: false, day: '', one: '',
      many: [], data: null, place: { lon: 0, lat: 0 }, owner: '', tags: [], doc: '', locked: [], pass: '', secret: '',
    },
  ],
};

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
/** name in RECORDS → [what the client called it, bytes, type] */
export const FILES = {
  'ann_abcdefghij.png': ['ann.png', PNG, 'image/png'],
  'read_me_abcdefghij.txt': ['read me.txt', Buffer.from('hello'), 'text/plain; charset=utf-8'],
  'l1_abcdefghij.txt': ['l1.txt', Buffer.from('one'), 'text/plain; charset=utf-8'],
  'l2_abcdefghij.txt': ['l2.txt', Buffer.from('two'), 'text/plain; charset=utf-8'],
};

// ---- by a real PocketBase ----

export async function startPeer(data) {
  const port = await freePort();
  const child = spawn(PEER_BINARY, ['serve', '--dir', data, '--http', `127.0.0.1:${port}`], { cwd: join(data, '..'), stdio: 'ignore' });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  process.once('exit', () => child.kill('SIGKILL'));
  await until(async () => (await request(port, 'GET', '/api/health').catch(() => null))?.status === 200, 20000);
  return {
    client() {
      const pb = new PocketBase(`http://127.0.0.1:${port}`);
      pb.autoCancellation(false);
      return pb;
    },
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Everything a superuser sees. */
export async function snapshot(pb) {
  const collections = await pb.collections.getFullList({ sort: 'name' });
  const records = {};
  for (const { name } of collections) records[name] = await pb.collection(name).getFullList({ sort: 'id' });
  return { collections, records, settings: await pb.settings.getAll() };
}

async function createAll(admin) {
  for (const c of COLLECTIONS) await admin.collections.create(c);
  for (const name of ['users', 'members', 'tags', 'everything'])
    for (const row of RECORDS[name]) {
      const body = { ...row };
      const uploads = (v) => (FILES[v] ? new File([FILES[v][1]], FILES[v][0], { type: FILES[v][2] }) : v);
      for (const key of ['avatar', 'doc', 'locked']) if (body[key]) body[key] = Array.isArray(body[key]) ? body[key].map(uploads) : uploads(body[key]);
      if (name === 'everything') body.pass = 'pass-1';
      if (body.email) Object.assign(body, { password: PASSWORD, passwordConfirm: PASSWORD });
      await admin.collection(name).create(body);
    }
}

export async function fillByPeer(dir) {
  const data = join(dir, 'pb_data');
  execFileSync(PEER_BINARY, ['superuser', 'upsert', OWNER.email, OWNER.password, '--dir', data], { stdio: 'ignore' });
  const peer = await startPeer(data);
  const admin = peer.client();
  await admin.collection('_superusers').authWithPassword(OWNER.email, OWNER.password);
  await createAll(admin);
  await admin.collections.update('users', { fileToken: { duration: 600 } });
  await admin.settings.update({ meta: { appName: 'The Shop' }, batch: { enabled: true }, smtp: { password: 'hidden one' } });
  const ann = peer.client();
  await ann.collection('users').authWithPassword('ann@example.com', PASSWORD);
  const tokens = { ann: ann.authStore.token, owner: admin.authStore.token, file: await ann.files.getToken() };
  const before = await snapshot(admin);
  await peer.stop();
  return { data, before, tokens };
}

// ---- by the documented layout ----

const DATE = '2024-05-06 07:08:09.123Z';
// bcrypt of PASSWORD and of OWNER.password
const HASH = '$2a$10$abcdefghijklmnopqrstuupRjBKpuiRHMKt0r8vxb1y941VT1WLry';
const OWNER_HASH = '$2b$10$abcdefghijklmnopqrstuurKUnG./z1P.3wARcUwDtnaYp2JfZkCK';
const secret = (name) => `${name}-secret-`.padEnd(50, 'x');
const tokenKey = (id) => `key-of-${id}-`.padEnd(50, 'k');

const OPTIONS = {
  text: { autogeneratePattern: '', max: 0, min: 0, pattern: '', primaryKey: false }, editor: { convertURLs: false, maxSize: 0 },
  email: { exceptDomains: null, onlyDomains: null }, url: { exceptDomains: null, onlyDomains: null },
  number: { max: null, min: null, onlyInt: false }, bool: {}, date: { max: '', min: '' }, autodate: { onCreate: false, onUpdate: false },
  select: { maxSelect: 0, values: [] }, relation: { cascadeDelete: false, collectionId: '', maxSelect: 0, minSelect: 0 },
  file: { maxSelect: 0, maxSize: 0, mimeTypes: null, protected: false, thumbs: null }, json: { maxSize: 0 }, geoPoint: {},
  password: { cost: 0, max: 0, min: 0, pattern: '' },
};
let fieldNumber = 0;
function fullField(f) {
  const common = { hidden: false, presentable: false, system: false, ...(f.type === 'autodate' ? {} : { help: '', required: false }) };
  return { ...common, ...OPTIONS[f.type], id: `${f.type}${100000 + fieldNumber++}`, ...f };
}
const idField = (more) => fullField({ ...text('id'), id: 'text3208210256', system: true, required: true, primaryKey: true,
  pattern: '^[a-z0-9]+$', ...more });
const tableId = () => idField({ min: 15, max: 15, autogeneratePattern: '[a-z0-9]{15}' });
const authFields = () => [
  { name: 'password', type: 'password', system: true, hidden: true, required: true, min: 8 },
  text('tokenKey', { system: true, hidden: true, required: true, min: 30, max: 60, autogeneratePattern: '[a-zA-Z0-9]{50}' }),
  { name: 'email', type: 'email', system: true, required: true },
  { name: 'emailVisibility', type: 'bool', system: true }, { name: 'verified', type: 'bool', system: true },
].map(fullField);

function authOptions(name, passwordAuth) {
  const template = (subject) => ({ subject, body: `<p>${subject}: {APP_URL} {TOKEN} {OTP} {ALERT_INFO}</p>` });
  const token = (kind, duration) => ({ secret: secret(`${name}-${kind}`), duration });
  return {
    authRule: '', manageRule: null, authAlert: { enabled: true, emailTemplate: template('New place') },
    oauth2: { providers: [], mappedFields: { id: '', name: '', username: '', avatarURL: '' }, enabled: false },
    passwordAuth: passwordAuth ?? { enabled: true, identityFields: ['email'] }, mfa: { enabled: false, duration: 1800, rule: '' },
    otp: { enabled: false, duration: 180, length: 8, emailTemplate: template('Code') },
    authToken: token('auth', 604800), passwordResetToken: token('reset', 1800), emailChangeToken: token('change', 1800),
    verificationToken: token('verification', 259200), fileToken: token('file', 600), verificationTemplate: template('Verify'),
    resetPasswordTemplate: template('Reset'), confirmEmailChangeTemplate: template('Change'),
  };
}
const authIndexes = (id, name) => [`CREATE UNIQUE INDEX \`idx_tokenKey_${id}\` ON \`${name}\` (\`tokenKey\`)`,
  `CREATE UNIQUE INDEX \`idx_email_${id}\` ON \`${name}\` (\`email\`) WHERE \`email\` != ''`];

/** A collection as its row says it, from what a client would send. */
function fullCollection(c) {
  const own = (c.fields ?? []).map(fullField);
  const full = { system: false, listRule: null, viewRule: null, createRule: null, updateRule: null, deleteRule: null, ...c };
  if (c.type === 'auth')
    return { ...full, fields: [tableId(), ...authFields(), ...own], indexes: [...authIndexes(c.id, c.name), ...(c.indexes ?? [])],
      options: authOptions(c.name, c.passwordAuth) };
  if (c.type === 'view') return { ...full, indexes: [], options: { viewQuery: c.viewQuery } };
  return { ...full, fields: [tableId(), ...own], indexes: c.indexes ?? [], options: {} };
}

const refs = (...more) => [text('collectionRef', { system: true, required: true }), text('recordRef', { system: true, required: true }),
  ...more, ...dates.map((f) => ({ ...f, system: true }))];
const OWN = "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId";
const index = (unique, name, table, ...columns) =>
  `CREATE ${unique}INDEX \`${name}\` ON \`${table}\` (\n  ${columns.map((x) => `\`${x}\``).join(',\n  ')}\n)`;
const named = (name) => text(name, { system: true, required: true });
const SYSTEM = [
  { id: 'pbc_2279338944', name: '_mfas', type: 'base', system: true, listRule: OWN, viewRule: OWN, fields: refs(named('method')),
    indexes: [index('', 'idx_mfas_collectionRef_recordRef', '_mfas', 'collectionRef', 'recordRef')] },
  { id: 'pbc_1638494021', name: '_otps', type: 'base', system: true, listRule: OWN, viewRule: OWN,
    fields: refs({ name: 'password', type: 'password', system: true, hidden: true, required: true, cost: 8 }, text('sentTo', { system: true, hidden: true })),
    indexes: [index('', 'idx_otps_collectionRef_recordRef', '_otps', 'collectionRef', 'recordRef')] },
  { id: 'pbc_2281828961', name: '_externalAuths', type: 'base', system: true, listRule: OWN, viewRule: OWN, deleteRule: OWN,
    fields: refs(named('provider'), named('providerId')),
    indexes: [index('UNIQUE ', 'idx_externalAuths_record_provider', '_externalAuths', 'collectionRef', 'recordRef', 'provider'),
      index('UNIQUE ', 'idx_externalAuths_collection_provider', '_externalAuths', 'collectionRef', 'provider', 'providerId')] },
  { id: 'pbc_4275539003', name: '_authOrigins', type: 'base', system: true, listRule: OWN, viewRule: OWN, deleteRule: OWN,
    fields: refs(named('fingerprint')),
    indexes: [index('UNIQUE ', 'idx_authOrigins_unique_pairs', '_authOrigins', 'collectionRef', 'recordRef', 'fingerprint')] },
  { id: 'pbc_3142635823', name: '_superusers', type: 'auth', system: true, fields: dates.map((f) => ({ ...f, system: true })) },
  { id: USERS, name: 'users', type: 'auth', listRule: 'id = @request.auth.id', viewRule: 'id = @request.auth.id', createRule: '',
    updateRule: 'id = @request.auth.id', deleteRule: 'id = @request.auth.id',
    fields: [text('name', { max: 255 }), { name: 'avatar', type: 'file', maxSelect: 1, mimeTypes: ['image/jpeg', 'image/png'] }, ...dates] },
];

/** The fields a view's query gives: copies of those of `from`, and computed ones. */
function viewFields(name, tables) {
  const clone = (from, field, as) => ({ ...tables[from].fields.find((f) => f.name === field), name: as ?? field, id: `_clone_${(as ?? field).padEnd(4, 'Z').slice(0, 4)}` });
  const json = (as) => fullField({ name: as, type: 'json', maxSize: 1 });
  const e = (field, as) => clone('everything', field, as);
  if (name === 'numbers') return [idField(), clone('tags', 'label')];
  if (name === 'reshown') return [idField(), json('lit'), json('more'), e('doc', 'paper')];
  return [idField(), e('title'), json('lit'), e('doc'), e('locked', 'safe'), e('secret'), e('owner'), fullField({ name: 'n', type: 'number', onlyInt: true })];
}

function columnType(f) {
  if (f.primaryKey) return "TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL";
  if (f.type === 'number') return 'NUMERIC DEFAULT 0 NOT NULL';
  if (f.type === 'bool') return 'BOOLEAN DEFAULT FALSE NOT NULL';
  if (f.type === 'json') return 'JSON DEFAULT NULL';
  if (f.type === 'geoPoint') return `JSON DEFAULT '{"lon":0,"lat":0}' NOT NULL`;
  if (f.maxSelect > 1) return "JSON DEFAULT '[]' NOT NULL";
  return "TEXT DEFAULT '' NOT NULL";
}

function columnValue(f, value) {
  if (f.type === 'bool') return value ? 1 : 0;
  if (f.type === 'json') return value === null ? null : JSON.stringify(value);
  if (f.type === 'geoPoint' || f.maxSelect > 1) return JSON.stringify(value);
  return value;
}

const INTERNAL = [
  'CREATE TABLE `_migrations` (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL)',
  "CREATE TABLE `_params` (`id` TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, `value` JSON DEFAULT NULL, `created` TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL, `updated` TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL)",
  "CREATE TABLE `_collections` (`id` TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, `system` BOOLEAN DEFAULT FALSE NOT NULL, `type` TEXT DEFAULT \"base\" NOT NULL, `name` TEXT UNIQUE NOT NULL, `fields` JSON DEFAULT \"[]\" NOT NULL, `indexes` JSON DEFAULT \"[]\" NOT NULL, `listRule` TEXT DEFAULT NULL, `viewRule` TEXT DEFAULT NULL, `createRule` TEXT DEFAULT NULL, `updateRule` TEXT DEFAULT NULL, `deleteRule` TEXT DEFAULT NULL, `options` JSON DEFAULT \"{}\" NOT NULL, `created` TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL, `updated` TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL)",
  'CREATE INDEX idx__collections_type on `_collections` (`type`)',
];
const MIGRATIONS = ['1640988000_aux_init.go', '1640988000_init.go', '1717233556_v0.23_migrate.go', '1717233557_v0.23_migrate2.go',
  '1717233558_v0.23_migrate3.go', '1717233559_v0.23_migrate4.go', '1763020353_update_default_auth_alert_templates.go', '1778828400_normalize_indexes.go'];

function sign(claims, key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}

/** What the API shows a superuser of the tables that have records. */
function expectedRecords(tables) {
  const shown = (name, row) => ({ collectionId: tables[name].id, collectionName: name, ...row });
  const own = (name) => RECORDS[name].map((row) => shown(name, { ...row, created: DATE, updated: DATE })).sort((x, y) => (x.id < y.id ? -1 : 1));
  const listed = RECORDS.everything.map((r) => ({ id: r.id, title: r.title, lit: 'a literal', doc: r.doc, safe: r.locked, secret: r.secret, owner: r.owner, n: 1 }))
    .sort((x, y) => (x.id < y.id ? -1 : 1));
  return {
    ...Object.fromEntries(Object.keys(RECORDS).map((name) => [name, own(name)])),
    numbers: [shown('numbers', { id: '1', label: 'blue' }), shown('numbers', { id: '2', label: 'red' })],
    shown: listed.map((r) => shown('shown', r)),
    reshown: listed.map((r) => shown('reshown', { id: r.id, lit: 'a literal', more: 'more', paper: r.doc })),
  };
}

function writeFiles(data, tables) {
  const put = (c, id, name) => {
    const [original, bytes, type] = FILES[name];
    const folder = join(data, 'storage', tables[c].id, id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, `${name}.attrs`), JSON.stringify({ 'user.cache_control': '', 'user.content_disposition': '', 'user.content_encoding': '',
      'user.content_language': '', 'user.content_type': type, 'user.metadata': { 'original-filename': original }, md5: null }));
  };
  for (const row of RECORDS.users) if (row.avatar) put('users', row.id, row.avatar);
  for (const row of RECORDS.everything) for (const name of [row.doc, ...row.locked]) if (name) put('everything', row.id, name);
}

export function fillByLayout(dir) {
  const data = join(dir, 'pb_data');
  mkdirSync(data, { recursive: true });
  const tables = {};
  const run = INTERNAL.map((sql) => [sql, []]);
  const insert = (table, row) => run.push([`INSERT INTO \`${table}\` (${Object.keys(row).map((k) => `\`${k}\``).join(',')}) VALUES (${Object.keys(row).map(() => '?').join(',')})`,
    Object.values(row)]);
  for (const file of MIGRATIONS) insert('_migrations', { file, applied: 1714979289123456 });
  for (const c of [...SYSTEM, ...COLLECTIONS].map(fullCollection)) {
    if (c.type === 'view') c.fields = viewFields(c.name, tables);
    tables[c.name] = c;
    insert('_collections', { id: c.id, system: c.system ? 1 : 0, type: c.type, name: c.name, fields: JSON.stringify(c.fields),
      indexes: JSON.stringify(c.indexes), listRule: c.listRule, viewRule: c.viewRule, createRule: c.createRule, updateRule: c.updateRule,
      deleteRule: c.deleteRule, options: JSON.stringify(c.options), created: DATE, updated: DATE });
    const query = c.viewQuery?.trim().replace(/;$/, '');
    if (c.name === 'numbers') run.push([`CREATE VIEW \`numbers\` AS SELECT * FROM (SELECT CAST(\`id\` as TEXT) \`id\`,\`label\` FROM (${query}))`, []]);
    else if (c.type === 'view') run.push([`CREATE VIEW \`${c.name}\` AS SELECT * FROM (${query})`, []]);
    else run.push([`CREATE TABLE \`${c.name}\` (${c.fields.map((f) => `\`${f.name}\` ${columnType(f)}`).join(', ')})`, []]);
    for (const sql of c.indexes) run.push([sql, []]);
  }
  const auth = (id, hash) => ({ password: hash, tokenKey: tokenKey(id) });
  insert('_superusers', { id: ID('owner'), email: OWNER.email, emailVisibility: 0, verified: 1, created: DATE, updated: DATE, ...auth(ID('owner'), OWNER_HASH) });
  for (const [name, rows] of Object.entries(RECORDS))
    for (const row of rows) {
      const values = Object.fromEntries(Object.entries(row).map(([k, v]) => [k, columnValue(tables[name].fields.find((f) => f.name === k), v)]));
      if (name === 'everything') values.pass = row.secret === 's1' ? HASH : '';
      insert(name, { ...values, created: DATE, updated: DATE, ...(row.email ? auth(row.id, HASH) : {}) });
    }
  insert('_params', { id: 'settings', value: JSON.stringify({ meta: { appName: 'The Shop', appURL: 'http://localhost:8090', senderName: 'Support',
    senderAddress: 'support@example.com' }, batch: { enabled: true, maxRequests: 50, timeout: 3, maxBodySize: 0 }, smtp: { password: 'hidden one' },
    unknown: { key: 1 } }), created: DATE, updated: DATE });
  python(join(data, 'data.db'), "db.execute('PRAGMA journal_mode=WAL')\nfor sql, values in args: db.execute(sql, values)", run);
  writeFiles(data, tables);
  const claims = (type, more) => ({ type, id: ID('ann'), collectionId: USERS, ...more });
  const tokens = {
    ann: sign(claims('auth', { refreshable: true }), tokenKey(ID('ann')) + secret('users-auth')),
    owner: sign({ type: 'auth', id: ID('owner'), collectionId: 'pbc_3142635823', refreshable: true }, tokenKey(ID('owner')) + secret('_superusers-auth')),
    file: sign(claims('file'), tokenKey(ID('ann')) + secret('users-file')),
  };
  return { data, before: { records: expectedRecords(tables), tables }, tokens };
}

/** Runs python on a database that no server has open; `script` sees `db` and `args`. */
export function python(file, script, args) {
  const program = ['import json, sqlite3, sys', 'db = sqlite3.connect(sys.argv[1], isolation_level=None)', 'args = json.load(sys.stdin)', script].join('\n');
  const out = execFileSync('python3', ['-SIc', program, file], { input: JSON.stringify(args ?? null), encoding: 'utf8', maxBuffer: 64 << 20 });
  return out ? JSON.parse(out) : null;
}
export const select = (file, sql) => python(file, 'print(json.dumps(db.execute(args).fetchall()))', sql);
