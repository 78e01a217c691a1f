// fields.test.mjs - each type of field as an SDK user meets it: its options and their bounds, what it makes
// of what is submitted, its zero value, each code and message of a value it does not take.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PEER, failure, request, startServer, text } from './server.mjs';

let server, admin, targets, count = 0;
const ours = { skip: PEER ? 'a choice of ours' : false };

before(async () => {
  server = await startServer();
  admin = await server.admin();
  targets = await admin.collections.create({ name: 'targets', fields: [text('t')] });
  for (const id of ['target000000001', 'target000000002', 'target000000003']) await admin.collection('targets').create({ id });
});
after(() => server.stop());

const field = (type, more = {}) => ({ name: 'v', type, ...more });
const collection = (fields, more = {}) => admin.collections.create({ name: `c${count++}`, fields: [].concat(fields), ...more });

/** Sends raw JSON, so that what JavaScript has no value for can be submitted too. */
const post = (path, json, method = 'POST') => request(server.port, method, path,
  { headers: { Authorization: admin.authStore.token, 'Content-Type': 'application/json' }, body: typeof json === 'string' ? json : JSON.stringify(json) });

const flat = (data, at = '') => Object.entries(data).flatMap(([key, v]) => (typeof v.code === 'string' ? [[at + key, v]] : flat(v, `${at}${key}.`)));

test('options: what each type is given when nothing is said', async () => {
  const common = { help: '', hidden: false, name: 'v', presentable: false, required: false, system: false };
  const { help, required, ...dated } = common;
  const zero = {
    text: { autogeneratePattern: '', max: 0, min: 0, pattern: '', primaryKey: false }, editor: { convertURLs: false, maxSize: 0 },
    email: { exceptDomains: null, onlyDomains: null }, url: { exceptDomains: null, onlyDomains: null }, number: { max: null, min: null, onlyInt: false }, bool: {},
    date: { max: '', min: '' }, autodate: { onCreate: true, onUpdate: false }, select: { maxSelect: 0, values: ['a'] }, json: { maxSize: 0 }, geoPoint: {},
    relation: { cascadeDelete: false, collectionId: targets.id, maxSelect: 0, minSelect: 0 },
    file: { maxSelect: 0, maxSize: 0, mimeTypes: null, protected: false, thumbs: null }, password: { cost: 0, max: 0, min: 0, pattern: '' },
  };
  const needed = { autodate: { onCreate: true }, select: { values: ['a'] }, relation: { collectionId: targets.id } };
  for (const [type, options] of Object.entries(zero)) {
    const c = await collection(field(type, needed[type]));
    const { id, ...made } = c.fields.find((f) => f.name === 'v');
    assert.match(id, new RegExp(`^${type}\\d+$`));
    assert.deepEqual(made, { ...(type === 'autodate' ? dated : common), ...options, type }, type);
    const again = await admin.collections.update(c.id, { fields: c.fields }); // what comes out may go in
    assert.deepEqual(again.fields, c.fields, type);
  }
  // what is left out of an update is reset, not kept
  const c = await collection(text('v', { min: 3, max: 9, pattern: 'a', required: true, help: 'h', presentable: true, hidden: true }));
  const reset = (await admin.collections.update(c.id, { fields: [c.fields[0], text('v', { id: c.fields[1].id })] })).fields[1];
  assert.deepEqual([reset.min, reset.max, reset.pattern, reset.required, reset.help, reset.presentable, reset.hidden], [0, 0, '', false, '', false, false]);
});

const LESS = (threshold) => ['validation_min_greater_equal_than_required', `Must be no less than ${threshold}.`, { threshold }];
const MORE = (threshold) => ['validation_max_less_equal_than_required', `Must be no greater than ${threshold}.`, { threshold }];
const BLANK = ['validation_required', 'Cannot be blank.'];
const EMPTY = ['validation_empty', 'Must be blank.'];
const INT = ['validation_only_int_constraint'];
const FORM = ['validation_match_invalid', 'Must be in a valid format.'];
const LISTED = ['validation_not_in_invalid', 'Must not be in list.'];
const SAFE = Number.MAX_SAFE_INTEGER;

test('options: bounds, codes and messages', async () => {
  const cases = [
    // field, {option: [code, message, params]}; an empty object: accepted
    [field('text', { min: -1 }), { min: LESS(0) }], [field('text', { min: 5, max: 4 }), { max: LESS(5) }], [field('text', { min: 5, max: 5 }), {}], [field('text', { min: 5 }), {}],
    [field('text', { max: SAFE }), {}], [field('text', { max: SAFE + 1 }), { max: MORE(SAFE) }], ...(PEER ? [] : [[field('text', { min: 1e300 }), { min: MORE(SAFE) }]]),
    [field('text', { pattern: '(' }), { pattern: ['validation_invalid_regex'] }], [field('text', { pattern: '(?=x)' }), { pattern: ['validation_invalid_regex'] }],
    [field('text', { pattern: '(a)\\1' }), { pattern: ['validation_invalid_regex'] }], [field('text', { pattern: 'a{1001}' }), { pattern: ['validation_invalid_regex'] }], [field('text', { pattern: '^\\p{L}+$' }), {}],
    [field('text', { autogeneratePattern: '[a-z' }), { autogeneratePattern: ['validation_invalid_regex'] }], [field('text', { autogeneratePattern: '^a$' }), { autogeneratePattern: ['validation_invalid_autogenerate_pattern'] }],
    [field('text', { autogeneratePattern: 'a(?=b)' }), { autogeneratePattern: ['validation_invalid_regex'] }], [field('text', { autogeneratePattern: 'a\\bb' }), { autogeneratePattern: ['validation_invalid_autogenerate_pattern'] }],
    [field('text', { autogeneratePattern: '[a-z]{9}', max: 3 }), { autogeneratePattern: ['validation_invalid_autogenerate_pattern_value'] }],
    [field('text', { autogeneratePattern: '[a-z]{9}', pattern: '^[0-9]+$' }), { autogeneratePattern: ['validation_invalid_autogenerate_pattern_value'] }], [field('text', { autogeneratePattern: '[a-z]{9}', min: 9, max: 9, pattern: '^[a-z]+$' }), {}],
    [field('text', { help: 'h'.repeat(301) }), { help: ['validation_length_out_of_range', 'The length must be between 1 and 300.', { min: 1, max: 300 }] }], [field('text', { help: 'h'.repeat(300) }), {}],
    [field('text', { id: 'i'.repeat(101) }), { id: ['validation_length_out_of_range', 'The length must be between 1 and 100.', { min: 1, max: 100 }] }], [field('text', { id: 'i'.repeat(100) }), {}],
    [{ name: '', type: 'text' }, { name: BLANK }], [{ type: 'bool' }, { name: BLANK }], [text('n'.repeat(101)), { name: ['validation_length_out_of_range', 'The length must be between 1 and 100.', { min: 1, max: 100 }] }], [text('n'.repeat(100)), {}],
    [text('a-b'), { name: FORM }], [text('ä'), { name: FORM }], [text('a b'), { name: FORM }], [text('a_via_b'), { name: ['validation_found_via'] }], [text('A_VIA_b'), { name: ['validation_found_via'] }], [text('9'), {}], [text('_'), {}],
    ...['null', 'true', 'false', '_rowid_', ...(PEER ? [] : ['_ROWID_']), 'collectionId', 'collectionName', 'expand'].map((name) => [text(name), { name: LISTED }]), [text('Expand'), {}], [text('NULL'), {}], [text('collectionid'), {}],
    [field('editor', { maxSize: -1 }), { maxSize: LESS(0) }], [field('editor', { maxSize: SAFE + 1 }), { maxSize: MORE(SAFE) }], [field('json', { maxSize: -1 }), { maxSize: LESS(0) }], [field('json', { maxSize: SAFE + 1 }), { maxSize: MORE(SAFE) }],
    ...['email', 'url'].flatMap((type) => [
      [field(type, { onlyDomains: ['a.io'], exceptDomains: ['b.io'] }), { onlyDomains: EMPTY, exceptDomains: EMPTY }], [field(type, { onlyDomains: [], exceptDomains: ['b.io'] }), {}], [field(type, { onlyDomains: null, exceptDomains: null }), {}],
      [field(type, { exceptDomains: ['a.io', 'x y'] }), { 'exceptDomains.1': ['validation_is_domain', 'Must be a valid domain.'] }], [field(type, { onlyDomains: ['nodot', 'a.io'] }), { 'onlyDomains.0': ['validation_is_domain'] }],
    ]),
    [field('number', { min: 2, max: 1 }), { max: ['validation_min_number_constraint', 'Must be greater or equal than 2.', { min: 2 }] }], [field('number', { min: 2, max: 2 }), {}], [field('number', { min: -1.5 }), {}], [field('number', { min: 0, max: 0 }), {}],
    [field('number', { onlyInt: true, min: 1.5 }), { min: INT }], [field('number', { onlyInt: true, max: 1.5 }), { max: INT }], [field('number', { onlyInt: true, min: 1, max: 1e15 }), {}],
    ...(PEER ? [] : [[field('date', { min: '2024-01-02', max: '2024-01-01' }), { max: ['validation_date_out_of_range', 'The date is out of range.'] }]]), [field('date', { min: '2024-01-01', max: '2024-01-01' }), {}], [field('date', { min: 'no date' }), {}],
    [field('autodate'), { onCreate: ['validation_required', 'Either onCreate or onUpdate must be enabled.'], onUpdate: ['validation_required', 'Either onCreate or onUpdate must be enabled.'] }], [field('autodate', { onUpdate: true }), {}],
    [field('select'), { values: BLANK }], [field('select', { values: [] }), { values: BLANK }], [field('select', { values: ['a'], maxSelect: 2 }), { maxSelect: MORE(1) }], [field('select', { values: ['a'], maxSelect: -1 }), { maxSelect: LESS(0) }], [field('select', { values: ['a', 'b'], maxSelect: 2 }), {}],
    [field('relation'), { collectionId: BLANK }], [field('relation', { collectionId: 'nope' }), { collectionId: ['validation_field_relation_missing_collection'] }], [field('relation', { collectionId: 'targets' }), { collectionId: ['validation_field_relation_missing_collection'] }],
    [field('relation', { collectionId: targets.id, minSelect: 2 }), { maxSelect: BLANK }], [field('relation', { collectionId: targets.id, minSelect: 2, maxSelect: 1 }), { maxSelect: LESS(2) }], [field('relation', { collectionId: targets.id, minSelect: 2, maxSelect: 2 }), {}],
    [field('relation', { collectionId: targets.id, minSelect: -1 }), { minSelect: LESS(0) }], ...(PEER ? [] : [[field('relation', { collectionId: targets.id, maxSelect: SAFE + 1 }), { maxSelect: MORE(SAFE) }]]),
    [field('file', { maxSize: -1, maxSelect: -1 }), { maxSize: LESS(0), maxSelect: LESS(0) }], [field('file', { maxSize: SAFE + 1, maxSelect: SAFE + 1 }), { maxSize: MORE(SAFE), maxSelect: MORE(SAFE) }],
    [field('file', { thumbs: ['0x0', '0x0t', '0x0b', '0x0f'] }), { 'thumbs.0': LISTED, 'thumbs.1': LISTED, 'thumbs.2': LISTED, 'thumbs.3': LISTED }],
    [field('file', { thumbs: ['10x', 'x10', '10x10z', '10X10', '-1x1', '10x10tb'] }), Object.fromEntries([0, 1, 2, 3, 4, 5].map((i) => [`thumbs.${i}`, FORM]))], [field('file', { thumbs: ['10x0', '0x10', '0x01', '1x1t', '1x1b', '1x1f'], mimeTypes: [] }), {}],
    [field('password', { min: 72 }), { min: MORE(71), max: undefined }], [field('password', { max: 72 }), { max: MORE(71) }], [field('password', { min: 9, max: 8 }), { max: LESS(9) }], [field('password', { cost: 3 }), { cost: LESS(4) }], [field('password', { cost: 32 }), { cost: MORE(31) }],
    [field('password', { cost: 4, min: 71, max: 71 }), {}], [field('password', { pattern: '[' }), { pattern: ['validation_invalid_regex'] }],
  ];
  for (const [f, expected] of cases) {
    const said = JSON.stringify(f).slice(0, 120);
    const made = await post('/api/collections', { name: `c${count++}`, fields: [f] });
    const wanted = Object.entries(expected).filter(([, v]) => v);
    assert.equal(made.status, wanted.length ? 400 : 200, `${said}: ${made.body}`);
    if (!wanted.length) continue;
    assert.equal(made.json.message, 'Failed to create collection.', said);
    const errors = Object.fromEntries(flat(made.json.data));
    assert.deepEqual(Object.keys(errors).sort(), wanted.map(([key]) => `fields.1.${key}`).sort(), said);
    for (const [key, [code, message, params]] of wanted) {
      const error = errors[`fields.1.${key}`];
      assert.equal(error.code, code, said);
      if (message) assert.equal(error.message, message, said);
      if (params) assert.deepEqual(error.params, params, said);
      assert.match(error.message, /^[A-Z].*[.?!]$/s, said);
    }
  }
});

test('options of the wrong kind are no collection at all', async () => {
  for (const f of [field('nope'), field('text', { min: 'x' }), field('text', { min: 1.5 }), field('text', { required: 1 }), field('text', { pattern: 1 }), field('number', { min: '1' }), field('select', { values: 'a' }), field('select', { values: [1] }),
    field('file', { thumbs: {} }), { name: 'v' }, 'v', 1]) {
    const got = await post('/api/collections', { name: `c${count++}`, fields: [f] });
    assert.deepEqual([got.status, got.json.message, got.json.data], [400, 'Failed to load the submitted data due to invalid formatting.', {}], JSON.stringify(f));
  }
});

const CHARS = (verb, n) => `Must be ${verb} ${n} character(s).`;
const MAIL = ['validation_is_email', 'Must be a valid email address.'];
const URL_ = ['validation_invalid_url'];
const TOO_MANY = (n) => ['validation_too_many_values', undefined, { maxSelect: n }];
const BAD_VALUE = (value) => ['validation_invalid_value', undefined, { value }];
const one = { collectionId: 'TARGETS' };
const long = 'x'.repeat(5001);

/** [field, [[submitted, stored or [code, message, params]]…]]; a stored value that is an array is wrapped: {is: […]}. */
const VALUES = [
  [field('text'), [['a', 'a'], [' a ', ' a '], [true, 'true'], [false, 'false'], [1.5, '1.5'], [null, ''], [[1], ''], [{ a: 1 }, ''], [undefined, ''], ['x'.repeat(5000), 'x'.repeat(5000)],
    [long, ['validation_max_text_constraint', CHARS('no more than', 5000), { max: 5000 }]], ['ä'.repeat(5000), 'ä'.repeat(5000)]]],
  [field('text', { min: 3, max: 5 }), [['', ''], ['ab', ['validation_min_text_constraint', CHARS('at least', 3), { min: 3 }]], ['äöü', 'äöü'], ['äö', ['validation_min_text_constraint']], ['😀😀😀😀😀', '😀😀😀😀😀'], ['abcdef', ['validation_max_text_constraint', CHARS('no more than', 5), { max: 5 }]]]],
  [field('text', { pattern: '[0-9]+' }), [['ab1cd', 'ab1cd'], ['abc', ['validation_invalid_format', 'Invalid value format.']], ['', '']]],
  [field('text', { pattern: '^(?i)[a-z]+$' }), [['AB', 'AB'], ['A1', ['validation_invalid_format']], ['a\n', ['validation_invalid_format']]]],
  [field('text', { required: true }), [['', BLANK], [null, BLANK], [undefined, BLANK], [0, '0']]],
  [field('editor', { maxSize: 10 }), [['<b>012</b>', '<b>012</b>'], ['<b>0123</b>', ['validation_content_size_limit', 'The maximum allowed content size is 10 bytes.', { maxSize: 10 }]], ['äöüäö', 'äöüäö'], ['äöüäöü', ['validation_content_size_limit']], [5, '5'], [null, '']]],
  [field('email'), [['Ann@Example.com', 'Ann@Example.com'], ['', ''], ['x', MAIL], ['a@b', MAIL], ['@b.io', MAIL], ['a@b.io ', MAIL], ['a b@c.io', MAIL], ['a@@b.io', MAIL], ['a@b..io', MAIL], [1, MAIL], ['a+b@c.io', 'a+b@c.io'], ['Ann <a@b.io>', MAIL]]],
  [field('email', { onlyDomains: ['a.io'] }), [['x@a.io', 'x@a.io'], ['x@A.io', ['validation_email_domain_not_allowed', 'Email domain is not allowed.']], ['x@sub.a.io', ['validation_email_domain_not_allowed']]]],
  [field('email', { exceptDomains: ['a.io'] }), [['x@a.io', ['validation_email_domain_not_allowed']], ['x@A.io', 'x@A.io'], ['x@b.a.io', 'x@b.a.io']]],
  [field('url'), [['http://a.io', 'http://a.io'], ['https://a.io:8080/x?y=1#z', 'https://a.io:8080/x?y=1#z'], ['example.com', 'example.com'], ['http://localhost:3000', 'http://localhost:3000'], ['http://127.0.0.1/x', 'http://127.0.0.1/x'], ['x', URL_], ['http://', URL_], ['no url', URL_],
    ['http://a b.io', URL_], ['javascript:alert(1)', URL_], ['', '']]],
  [field('url', { onlyDomains: ['a.io'] }), [['http://a.io/x', 'http://a.io/x'], ['http://a.io:81', ['validation_url_domain_not_allowed', 'Url domain is not allowed.']], ...(PEER ? [] : [['a.io', 'a.io']]), ['http://b.io', ['validation_url_domain_not_allowed']], ['http://a.io@b.io', ['validation_url_domain_not_allowed']]]],
  [field('url', { exceptDomains: ['a.io'] }), [['http://a.io', ['validation_url_domain_not_allowed']], ['http://b.io', 'http://b.io']]],
  [field('number'), [[1, 1], ['2.5', 2.5], ['+1', 1], ['+-1', 0], ['+', 0], ['-3', -3], [true, 1], [false, 0], ['x', 0], ['', 0], [null, 0], [[1], 0], [{}, 0], [undefined, 0], ['NaN', ['validation_not_a_number', 'The submitted number is not properly formatted.']], ['Infinity', ['validation_not_a_number']], [1e15, 1e15], [0.1, 0.1], [-0.5, -0.5]]],
  [field('number', { min: 2, max: 4 }), [[2, 2], [4, 4], [0, 0], [1.9, ['validation_min_number_constraint', 'Must be greater or equal than 2.', { min: 2 }]], [4.1, ['validation_max_number_constraint', 'Must be less or equal than 4.', { max: 4 }]], [-1, ['validation_min_number_constraint']]]],
  [field('number', { onlyInt: true }), [[3, 3], [3.5, ['validation_only_int_constraint', 'Decimal numbers are not allowed.']], ['3.0', 3]]],
  [field('number', { required: true }), [[0, BLANK], ['x', BLANK], [1, 1]]],
  [field('bool'), [[true, true], [false, false], [1, true], [0, false], [-2, true], ['true', true], ['t', true], ['T', true], ['TRUE', true], ['True', true], ['1', true], ['false', false], ['0', false], ['yes', false], ['tRuE', false], [null, false], [[true], false], [{}, false], [undefined, false]]],
  [field('bool', { required: true }), [[true, true], [false, BLANK], [undefined, BLANK]]],
  [field('date'), [['2024-05-06 07:08:09.123Z', '2024-05-06 07:08:09.123Z'], ['2024-05-06', '2024-05-06 00:00:00.000Z'], ['2024-05-06T07:08:09Z', '2024-05-06 07:08:09.000Z'], ['2024-05-06T07:08:09+02:00', '2024-05-06 05:08:09.000Z'], ['2024-05-06 07:08:09', '2024-05-06 07:08:09.000Z'],
    ['2024-05-06 07:08:09.123456Z', '2024-05-06 07:08:09.123Z'], ['2024-05-06T07:08:09.9999-01:30', '2024-05-06 08:38:09.999Z'], ...(PEER ? [] : [['2024-05-06 07:08', '2024-05-06 07:08:00.000Z']]), ['Mon, 06 May 2024 07:08:09 GMT', '2024-05-06 07:08:09.000Z'], ['Mon, 06 May 2024 07:08:09 +0200', '2024-05-06 05:08:09.000Z'],
    ['06 May 24 07:08 UTC', '2024-05-06 07:08:00.000Z'], ['Monday, 06-May-24 07:08:09 UTC', '2024-05-06 07:08:09.000Z'], ['Mon May  6 07:08:09 2024', '2024-05-06 07:08:09.000Z'], ['x', ''], ['2024-13-01', ''], ['2024-02-30', ''], ['', ''], [1700000000, ''], [1714979289123, ''], [true, ''], [null, ''], [{}, ''], [undefined, '']]],
  [field('date', { min: '2024-01-01', max: '2024-12-31' }), [['2024-01-01', '2024-01-01 00:00:00.000Z'], ['', ''], ['x', ''], ['2023-12-31', ['validation_min_greater_equal_than_required', ...(PEER ? [] : ['Must be no less than 2024-01-01 00:00:00.000Z.', { threshold: '2024-01-01 00:00:00.000Z' }])]],
    ['2025-01-01', ['validation_max_less_equal_than_required', ...(PEER ? [] : ['Must be no greater than 2024-12-31 00:00:00.000Z.', { threshold: '2024-12-31 00:00:00.000Z' }])]]]],
  [field('date', { required: true }), [['x', BLANK], [1, BLANK], ['2024-01-01', '2024-01-01 00:00:00.000Z']]],
  [field('select', { values: ['a', 'b', '1'] }), [['a', 'a'], [['a', 'b'], 'b'], ['["a"]', 'a'], [[], ''], ['', ''], [null, ''], [1, '1'], [[1], '1'], ['x', BAD_VALUE('x')], ['A', BAD_VALUE('A')], ['5.', ['validation_invalid_value', 'Invalid value 5.', { value: '5.' }]], ['no ', ['validation_invalid_value', 'Invalid value no.', { value: 'no ' }]], [['x', 'a'], 'a'], [{ a: 1 }, '']]],
  [field('select', { values: ['a', 'b', 'c'], maxSelect: 2 }), [['a', { is: ['a'] }], [['b', 'a'], { is: ['b', 'a'] }], [['a', '', 'a', 'b'], { is: ['a', 'b'] }], ['["a","b"]', { is: ['a', 'b'] }], [[], { is: [] }], [null, { is: [] }], [undefined, { is: [] }],
    [['a', 'b', 'c'], TOO_MANY(2)], [['a', 'x'], BAD_VALUE('x')], ['[a', BAD_VALUE('[a')]]],
  [field('select', { values: ['a', 'b'], maxSelect: 2, required: true }), [[[], BLANK], [[''], BLANK], ['a', { is: ['a'] }]]],
  [field('relation', one), [['target000000001', 'target000000001'], [['target000000001', 'target000000002'], 'target000000002'], ['', ''], [null, ''], ['nope', ['validation_missing_rel_records', 'Failed to find all relation records with the provided ids.']], [1, ['validation_missing_rel_records']]]],
  [field('relation', { ...one, minSelect: 2, maxSelect: 3 }), [[[], { is: [] }], [['target000000001'], ['validation_not_enough_values', undefined, { minSelect: 2 }]], [['target000000002', 'target000000001', 'target000000002'], { is: ['target000000002', 'target000000001'] }],
    [['a', 'b', 'c', 'd'], TOO_MANY(3)], [['target000000001', 'nope'], ['validation_missing_rel_records']]]],
  [field('relation', { ...one, required: true }), [['', BLANK], [undefined, BLANK]]],
  [field('json'), [[null, null], [undefined, null], ['', ''], ['null', null], ['true', true], ['false', false], ['123', 123], ['-1.5', -1.5], ['"a"', 'a'], ['[1,2]', { is: [1, 2] }], ['{"a":1}', { is: { a: 1 } }], ['abc', 'abc'], ['{a', '{a'], ['[1', '[1'], ['True', 'True'], [' 1', ' 1'], ['1x', '1x'], ['-', '-'],
    [{ a: [1, { b: null }] }, { is: { a: [1, { b: null }] } }], [0, 0], [false, false], [[], { is: [] }]]],
  [field('json', { maxSize: 10 }), [['[1,2,3,45]', { is: [1, 2, 3, 45] }], [[1, 2, 3, 456], ['validation_json_size_limit', 'The maximum allowed JSON size is 10 bytes.', { maxSize: 10 }]], ['01234567', '01234567'], ['abcdefghi', ['validation_json_size_limit']]]],
  [field('json', { required: true }), [[null, BLANK], ['', BLANK], [[], BLANK], [{}, BLANK], ['null', BLANK], ['{}', BLANK], [undefined, BLANK], [false, false], [0, 0], [[null], { is: [null] }]]],
  [field('geoPoint'), [[{ lon: 1, lat: 2 }, { is: { lon: 1, lat: 2 } }], ['{"lon":1.5,"lat":-2}', { is: { lon: 1.5, lat: -2 } }], [{ lat: 2 }, { is: { lon: 0, lat: 2 } }], [{ lon: 3, x: 1 }, { is: { lon: 3, lat: 0 } }], ['x', { is: { lon: 0, lat: 0 } }], [null, { is: { lon: 0, lat: 0 } }], [[1, 2], { is: { lon: 0, lat: 0 } }],
    [undefined, { is: { lon: 0, lat: 0 } }], [{ lon: 180, lat: -90 }, { is: { lon: 180, lat: -90 } }], [{ lon: 1, lat: 90.1 }, ['validation_invalid_latitude', 'Latitude must be between -90 and 90 degrees.']], [{ lon: -180.1, lat: 1 }, ['validation_invalid_longitude', 'Longitude must be between -180 and 180 degrees.']]]],
  [field('geoPoint', { required: true }), [[{ lon: 0, lat: 0 }, BLANK], [undefined, BLANK], [{ lon: 0, lat: 1 }, { is: { lon: 0, lat: 1 } }]]],
  [field('password', { min: 4, max: 6, pattern: '^[0-9]+$', cost: 4 }), [['12345', ''], ['', ''], ['123', ['validation_min_text_constraint', CHARS('at least', 4)]], ['1234567', PEER ? ['validation_max_text_constraint'] : ['validation_max_text_constraint', CHARS('no more than', 6)]], ['abcd', ['validation_invalid_format', 'Invalid value format.']]]],
  [field('password', { cost: 4 }), [['x'.repeat(71), ''], ['x'.repeat(72), ['validation_max_text_constraint']], ...(PEER ? [] : [['ä'.repeat(71), '']])]],
  [field('password', { required: true }), [['', BLANK], [undefined, BLANK]]],
  [field('autodate', { onUpdate: true }), [['2020-01-01', ''], [undefined, '']]],
];

test('values: what is stored, and what is said of those that are not', async () => {
  for (const [f, rows] of VALUES) {
    const made = f.collectionId ? { ...f, collectionId: targets.id } : f;
    const c = await collection(made);
    for (const [submitted, expected] of rows) {
      const said = `${JSON.stringify(f)}: ${JSON.stringify(submitted)?.slice(0, 80)}`;
      const got = await post(`/api/collections/${c.name}/records`, { v: submitted });
      if (!Array.isArray(expected)) {
        assert.equal(got.status, 200, `${said}: ${got.body}`);
        assert.deepEqual(got.json.v, expected?.is ?? expected, said);
        continue;
      }
      const [code, message, params] = expected;
      assert.equal(got.status, 400, `${said}: ${got.body}`);
      assert.equal(got.json.message, 'Failed to create record.', said);
      assert.deepEqual(Object.keys(got.json.data), ['v'], said);
      assert.equal(got.json.data.v.code, code, said);
      if (message) assert.equal(got.json.data.v.message, message, said);
      if (params) assert.deepEqual(got.json.data.v.params, params, said);
      else if (!message) continue;
      else assert.equal(got.json.data.v.params, undefined, said);
    }
  }
});

test('values of several fields are told together, on update too', async () => {
  const c = await collection([text('a', { required: true }), text('b', { min: 2 }), { name: 'n', type: 'number', max: 1 }, text('fine')]);
  const r = await admin.collection(c.name).create({ a: 'a', b: 'bb' });
  const err = await failure(admin.collection(c.name).update(r.id, { a: '', b: 'b', n: 2, fine: 'x' }), 400);
  assert.deepEqual(err.response, { status: 400, message: 'Failed to update record.', data: {
    a: { code: 'validation_required', message: 'Cannot be blank.' }, b: { code: 'validation_min_text_constraint', message: 'Must be at least 2 character(s).', params: { min: 2 } },
    n: { code: 'validation_max_number_constraint', message: 'Must be less or equal than 1.', params: { max: 1 } } } });
  assert.deepEqual(await admin.collection(c.name).getOne(r.id), r);
});

test('hostile values are refused at once, with their own code', ours, async () => {
  const c = await collection([field('json'), { name: 'n', type: 'number' }, { name: 's', type: 'select', values: ['a', 'b'], maxSelect: 2 }, text('t', { pattern: '^(a+)+$' }), { name: 'g', type: 'geoPoint' }]);
  const path = `/api/collections/${c.name}/records`, nested = (n, open = '[', close = ']') => open.repeat(n) + close.repeat(n);
  const t0 = process.hrtime.bigint();
  for (const body of [`{"v":${nested(1000)}}`, `{"v":${nested(100000)}}`, `{"v":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}}`, '{"n":1e400}', '{"v":', '[1]', '"x"', '{"v":"\\ud800"}{'.slice(0, -2)]) {
    const got = await post(path, body);
    assert.deepEqual([got.status, got.json], [400, { data: {}, message: 'Something went wrong while processing your request.', status: 400 }], body.slice(0, 40));
  }
  for (const v of [nested(1000), nested(100000), '{"a":'.repeat(1000) + '1' + '}'.repeat(1000)]) {
    const got = await post(path, { v });
    assert.deepEqual([got.status, got.json.data.v?.code], [400, 'validation_invalid_json'], v.slice(0, 20));
  }
  assert.deepEqual((await post(path, { v: nested(90) })).json.v.flat(Infinity), []);
  assert.equal((await post(path, { v: 'x'.repeat(1 << 20) })).json.data.v.code, 'validation_json_size_limit');
  assert.equal((await post(path, { t: 'a'.repeat(4000) + 'b' })).json.data.t.code, 'validation_invalid_format');
  assert.equal((await post(path, { t: 'x'.repeat(1 << 20) })).json.data.t.code, 'validation_max_text_constraint');
  assert.equal((await post(path, { s: Array.from({ length: 50000 }, (_, i) => `v${i}`) })).json.data.s.code, 'validation_too_many_values');
  assert.deepEqual((await post(path, { g: nested(1000) })).json.g, { lon: 0, lat: 0 });
  assert.ok(process.hrtime.bigint() - t0 < 60_000_000_000n, 'hostile values take minutes');
});

test('ids of another pattern: names that files and addresses cannot have', async () => {
  const c = await collection([{ name: 'id', type: 'text', primaryKey: true, required: true, system: true, pattern: '^[^_]+$', min: 0, max: 20, autogeneratePattern: '[a-z]{9}' }, text('t')]);
  const make = (id) => post(`/api/collections/${c.name}/records`, { id });
  for (const ch of ['.', '/', '\\', '|', '"', "'", '`', '<', '>', ':', '?', '*', '%', '$', '\t', '\n', '\r', ' ']) {
    const error = (await make(`a${ch}b`)).json.data.id;
    assert.deepEqual([error.code, error.params], ['validation_forbidden_pk_character', { ch }], JSON.stringify(ch));
  }
  for (const id of ['CON', 'prn', 'Aux', 'NUL', 'com1', 'COM9', 'lpt1', 'LPT9']) assert.deepEqual([(await make(id)).json.data.id.code, (await make(id)).json.data.id.params], ['validation_reserved_pk', { reserved: id.toUpperCase() }], id);
  for (const id of ['com0', 'COM10', 'console', 'Straße', 'A-b']) assert.equal((await make(id)).status, 200, id);
  assert.equal((await make('a-B')).json.data.id.code, 'validation_pk_invalid'); // but for case, taken
  assert.equal((await make('a_b')).json.data.id.code, 'validation_invalid_format');
  assert.match((await make('')).json.id, /^[a-z]{9}$/);
  const plain = await collection(text('t'));
  const r = await admin.collection(plain.name).create({ id: 'abcdefghijklmno' });
  const errorOf = async (promise) => (await failure(promise, 400)).response.data.id.code;
  assert.equal(await errorOf(admin.collection(plain.name).create({ id: r.id })), 'validation_not_unique');
  assert.equal(await errorOf(admin.collection(plain.name).create({ id: 'short' })), 'validation_min_text_constraint');
  assert.equal(await errorOf(admin.collection(plain.name).create({ id: 'ABCDEFGHIJKLMNO' })), 'validation_invalid_format');
  assert.equal(await errorOf(admin.collection(plain.name).update(r.id, { id: 'abcdefghijklmnp' })), 'validation_pk_change');
  assert.equal((await admin.collection(plain.name).update(r.id, { id: r.id })).id, r.id);
});

test('generated texts follow their pattern', async () => {
  const patterns = { '[a-f0-9]{8}': /^[a-f0-9]{8}$/, 'x-(foo|bar)-\\d{2,4}': /^x-(foo|bar)-\d{2,3}$/, 'a+b*c?': /^a{1,5}b{0,5}$/, '.{5}': /^[A-Za-z0-9]{5}$/, '[^a-y\\W]{3}': /^[0-9A-Z_z]{3}$/, '(?:ab){2}': /^abab$/, '\\w\\s\\.': /^\w\s\.$/, 'ü{2}': /^üü$/, 'a{3,}': /^a{3,5}$/ };
  for (const [autogeneratePattern, expected] of Object.entries(patterns)) {
    const c = await collection(text('v', { autogeneratePattern }));
    const seen = new Set();
    for (let i = 0; i < 6; i++) seen.add((await admin.collection(c.name).create({ v: i % 2 ? '' : undefined })).v);
    for (const v of seen) assert.match(v, expected, autogeneratePattern);
  }
  const c = await collection(text('v', { autogeneratePattern: '[0-9]{4}', max: 8 }));
  const r = await admin.collection(c.name).create({ 'v:autogenerate': 'pre-' });
  assert.match(r.v, /^pre-\d{4}$/);
  assert.match((await admin.collection(c.name).update(r.id, { 'v:autogenerate': 'new-' })).v, /^new-\d{4}$/);
  assert.equal((await admin.collection(c.name).update(r.id, { v: '' })).v, ''); // only on create
  assert.equal((await admin.collection(c.name).create({ v: 'mine' })).v, 'mine');
  assert.equal((await failure(admin.collection(c.name).create({ 'v:autogenerate': 'too long' }), 400)).response.data.v.code, 'validation_max_text_constraint');
});

test('modifiers: by length of the key, on the result so far', async () => {
  const c = await collection([{ name: 'n', type: 'number' }, { name: 'one', type: 'select', values: ['a', 'b', 'c'] }, { name: 'some', type: 'select', values: ['a', 'b', 'c', 'd'], maxSelect: 4 },
    { name: 'rels', type: 'relation', collectionId: targets.id, maxSelect: 3 }, text('t'), { name: 'd', type: 'date' }]);
  const [t1, t2, t3] = ['target000000001', 'target000000002', 'target000000003'];
  const cases = [
    // stored, body, then
    [{}, { n: 1, 'n+': 2, 'n-': 5 }, { n: -2 }], [{ n: 5 }, { 'n+': 2 }, { n: 7 }], [{ n: 5 }, { 'n-': '2' }, { n: 3 }], [{ n: 5 }, { 'n+': 'x' }, { n: 5 }], [{ n: 5 }, { '+n': 2 }, { n: 5 }], [{ n: 0.1 }, { 'n+': 0.2 }, { n: 0.1 + 0.2 }],
    [{ some: ['a'] }, { 'some+': 'b' }, { some: ['a', 'b'] }], [{ some: ['a'] }, { 'some+': ['b', 'a', 'c'] }, { some: ['a', 'b', 'c'] }], [{ some: ['a'] }, { '+some': ['b', 'c'] }, { some: ['b', 'c', 'a'] }], [{ some: ['a', 'b'] }, { 'some-': 'a' }, { some: ['b'] }],
    [{ some: ['a', 'b'] }, { 'some-': ['a', 'b', 'x'] }, { some: [] }], [{ some: ['a'] }, { some: ['d'], 'some+': 'b' }, { some: ['d', 'b'] }], [{ some: ['a'] }, { 'some+': '["b","c"]' }, { some: ['a', 'b', 'c'] }],
    [{ one: 'a' }, { 'one+': 'b' }, { one: 'b' }], [{ one: 'a' }, { '+one': 'b' }, { one: 'a' }], [{ one: 'a' }, { 'one-': 'a' }, { one: '' }], [{ one: 'a' }, { 'one-': 'b' }, { one: 'a' }], [{}, { '+one': 'b' }, { one: 'b' }],
    [{ rels: [t1] }, { 'rels+': [t2], '+rels': [t3] }, { rels: [t3, t1, t2] }], [{ rels: [t1, t2] }, { 'rels-': [t1] }, { rels: [t2] }], [{ t: 'x' }, { 't+': 'y' }, { t: 'x' }], [{ d: '2024-01-01' }, { 'd-': '' }, { d: '2024-01-01 00:00:00.000Z' }],
  ];
  for (const [stored, body, expected] of cases) {
    const r = await admin.collection(c.name).create(stored);
    const got = await admin.collection(c.name).update(r.id, body);
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(got[key], value, `${JSON.stringify(stored)} + ${JSON.stringify(body)}`);
  }
  assert.equal((await admin.collection(c.name).create({ 'n-': 3 })).n, -3);
  const codesOf = async (stored, body) => {
    const r = await admin.collection(c.name).create(stored);
    return Object.values((await failure(admin.collection(c.name).update(r.id, body), 400)).response.data).map((e) => e.code);
  };
  assert.deepEqual(await codesOf({ rels: [t1, t2, t3] }, { 'rels+': ['another'] }), ['validation_too_many_values']);
  assert.deepEqual(await codesOf({ n: 1.7e308 }, { 'n+': 1.7e308 }), ['validation_not_a_number']);
});

test('autodates: the clock\'s, whatever is submitted', async () => {
  const c = await collection([{ name: 'made', type: 'autodate', onCreate: true }, { name: 'changed', type: 'autodate', onUpdate: true }, { name: 'both', type: 'autodate', onCreate: true, onUpdate: true }]);
  const r = await admin.collection(c.name).create({ made: '2020-01-01', changed: '2020-01-01', both: '2020-01-01' });
  assert.match(r.made, /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.notEqual(r.made.slice(0, 4), '2020');
  assert.deepEqual([r.changed, r.both], ['', r.made]);
  const u = await admin.collection(c.name).update(r.id, { made: '2020-01-01' }); // even without a change
  assert.equal(u.made, r.made);
  assert.ok(u.changed >= r.made && u.both >= r.both && u.changed === u.both);
});

test('hidden fields: only superusers see and set them', async () => {
  const c = await collection([text('open', { presentable: true, help: 'h' }), text('shut', { hidden: true })], { listRule: '', viewRule: '', createRule: '', updateRule: '' });
  const guest = server.client();
  const r = await guest.collection(c.name).create({ open: 'a', shut: 'b' });
  assert.equal('shut' in r, false);
  assert.equal((await admin.collection(c.name).getOne(r.id)).shut, '');
  await admin.collection(c.name).update(r.id, { shut: 'c' });
  assert.equal('shut' in (await guest.collection(c.name).update(r.id, { shut: 'd' })), false);
  assert.equal((await admin.collection(c.name).getOne(r.id)).shut, 'c');
});

test('unique indexes name each field that they are over, expressions none', async () => {
  const fields = [text('a'), text('b'), text('c')];
  const c = await collection(fields, { indexes: ['CREATE UNIQUE INDEX idx_a ON x (a) WHERE a != \'\'', 'CREATE UNIQUE INDEX idx_bc ON x (b, c) WHERE b != \'\''] });
  const error = { code: 'validation_not_unique', message: 'Value must be unique.' };
  const r = await admin.collection(c.name).create({ a: '1', b: '1', c: '1' });
  await admin.collection(c.name).create({ a: '2', b: '1', c: '2' });
  assert.deepEqual((await failure(admin.collection(c.name).create({ a: '1' }), 400)).response, { data: { a: error }, message: 'Failed to create record.', status: 400 });
  assert.deepEqual((await failure(admin.collection(c.name).create({ b: '1', c: '1' }), 400)).response.data, { b: error, c: error });
  assert.deepEqual((await failure(admin.collection(c.name).update(r.id, { a: '2' }), 400)).response, { data: { a: error }, message: 'Failed to update record.', status: 400 });
  const lower = await collection(fields, { indexes: ['CREATE UNIQUE INDEX idx_lower ON x (lower(a))'] });
  await admin.collection(lower.name).create({ a: 'X' });
  assert.deepEqual((await failure(admin.collection(lower.name).create({ a: 'x' }), 400)).response.data, {});
});

test('schema rules: fields as a whole', async () => {
  const errors = async (promise) => Object.fromEntries(flat((await failure(promise, 400)).response.data).map(([key, e]) => [key, e.code]));
  const make = (fields, more = {}) => errors(admin.collections.create({ name: `c${count++}`, fields, ...more }));
  const twice = await failure(admin.collections.create({ name: `c${count++}`, fields: [text('a', { id: 'one' }), text('A', { id: 'two' })] }), 400);
  assert.deepEqual(twice.response.data.fields['2'].name.params, { fieldName: 'A' });
  assert.equal(twice.response.data.fields['2'].name.code, 'validation_duplicated_field_name');
  const key = { name: 'id', type: 'text', primaryKey: true, required: true, system: true, pattern: '^[a-z]+$' };
  assert.deepEqual(await make([key, text('k', { primaryKey: true, required: true, pattern: 'a' })]).then((e) => [e['fields.0.primaryKey'], e['fields.1.name']]), ['validation_unsupported_composite_pk', 'validation_in_invalid']);

  const auth = { type: 'auth' };
  assert.deepEqual(await make([text('passwordConfirm')], auth).then((e) => Object.values(e)), ['validation_reserved_field_name']);

  const c = await collection([text('a', { id: 'a_id' }), { name: 'r', id: 'r_id', type: 'relation', collectionId: targets.id }]);
  const change = (fields) => errors(admin.collections.update(c.id, { fields }));
  assert.deepEqual(await change([c.fields[0], { name: 'a', id: 'a_id', type: 'number' }]), { 'fields.1': 'validation_field_type_change' });
  assert.deepEqual(await change([c.fields[0], { ...c.fields[2], collectionId: c.id }]), { 'fields.1.collectionId': 'validation_field_relation_change' });
  const view = await admin.collections.create({ name: 'shown', type: 'view', viewQuery: 'SELECT id, t FROM targets' });
  assert.deepEqual(await make([{ name: 'r', type: 'relation', collectionId: view.id }]), { 'fields.1.collectionId': 'validation_relation_field_non_view_base_collection' });
});

test('what Croft adds to the patterns: a repeat has an end', ours, async () => {
  const got = await post('/api/collections', { name: `c${count++}`, fields: [text('v', { autogeneratePattern: 'a{1000}'.repeat(20) })] });
  assert.equal(got.json.data.fields['1'].autogeneratePattern.code, 'validation_invalid_autogenerate_pattern');
});

test('system fields: the contract names what PocketBase mends or takes', ours, async () => {
  const errors = async (promise) => Object.fromEntries(flat((await failure(promise, 400)).response.data).map(([key, e]) => [key, e.code]));
  const make = (fields, more = {}) => errors(admin.collections.create({ name: `c${count++}`, fields, ...more }));
  const auth = { type: 'auth' };
  assert.deepEqual(await make([text('a', { id: 'same' }), text('b', { id: 'same' })]), { 'fields.2.id': 'validation_duplicated_field_id' });
  assert.deepEqual(await make([{ name: 'id', type: 'number' }]), { fields: 'validation_missing_primary_key' });
  assert.deepEqual(await make([{ name: 'password', type: 'text' }], auth), { fields: 'validation_missing_password_field' });
  assert.deepEqual(await make([{ name: 'tokenKey', type: 'number' }], auth), { fields: 'validation_missing_tokenKey_field' });
  assert.deepEqual(await make([{ name: 'email', type: 'text' }], auth), { fields: 'validation_missing_email_field' });
  assert.deepEqual(await make([{ name: 'emailVisibility', type: 'text' }], auth), { fields: 'validation_missing_emailVisibility_field' });
  assert.deepEqual(await make([{ name: 'verified', type: 'text' }], auth), { fields: 'validation_missing_verified_field' });
  const c = await collection(text('a'));
  assert.equal((await errors(admin.collections.update(c.id, { fields: [{ ...c.fields[0], name: 'other' }, c.fields[1]] }))).fields, 'validation_system_field_change');
});
