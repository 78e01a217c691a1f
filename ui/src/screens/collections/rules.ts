// rules.ts - what may come next in a rule: fields along relations, @request, @collection, macros.
// A pure function of the text before the cursor, so that it can be used by any editor.
import type { Collection, Field } from './types';

export interface Suggestion { label: string; type: 'property' | 'keyword' | 'function' | 'constant' | 'class'; detail?: string }
export interface RuleScope {
  collections: readonly Collection[];
  /** The collection the rule belongs to, as it is edited. */
  own: { id: string; name: string; fields: readonly Field[] };
}

const MACROS = ['now', 'yesterday', 'tomorrow', 'todayStart', 'todayEnd', 'monthStart', 'monthEnd', 'yearStart', 'yearEnd', 'second', 'minute', 'hour', 'day', 'month', 'weekday', 'year'];
const REQUEST = ['auth', 'body', 'query', 'headers', 'method', 'context'];
type Source = { id: string; name: string; fields: readonly Field[] };

const property = (field: Field): Suggestion => ({ label: field.name, type: 'property', detail: field.type });

function backRelations(to: Source, scope: RuleScope): Suggestion[] {
  return scope.collections.flatMap((one) => one.fields.filter((field) => field.type === 'relation' && field.collectionId === to.id)
    .map((field): Suggestion => ({ label: `${one.name}_via_${field.name}`, type: 'class', detail: one.name })));
}

function withoutDoubles(all: Suggestion[]): Suggestion[] {
  return all.filter((one, i) => all.findIndex((other) => other.label === one.label) === i);
}

/** Along relations and back-relations: where "author.posts_via_author." leads. */
function follow(from: readonly Source[], path: readonly string[], scope: RuleScope): Source[] {
  let at = [...from];
  for (const part of path) {
    at = at.flatMap((source) => {
      const relation = source.fields.find((field) => field.name === part && field.type === 'relation');
      const back = /^(\w+)_via_\w+$/.exec(part)?.[1];
      return scope.collections.filter((one) => (relation ? one.id === relation.collectionId : one.name === back));
    });
  }
  return at;
}

const inside = (sources: readonly Source[], scope: RuleScope): Suggestion[] =>
  withoutDoubles(sources.flatMap((source) => [...source.fields.map(property), ...backRelations(source, scope)]));

function modifiers(path: readonly string[], scope: RuleScope): Suggestion[] {
  const name = path[path.length - 1] ?? '';
  const lists = ['select', 'relation', 'file'];
  const names = ['lower'];
  if (path[0] === '@request' && path[1] !== 'auth') names.push('isset', ...(path[1] === 'body' ? ['changed'] : []));
  if (scope.own.fields.some((field) => field.name === name && lists.includes(field.type)) || path.length > 1) names.push('length', 'each');
  return names.map((label) => ({ label, type: 'keyword' }));
}

/** `word` is the part being typed: "@request.auth.em" gives what begins with "em" may be. */
export function suggestions(word: string, scope: RuleScope): Suggestion[] {
  const colon = word.lastIndexOf(':');
  if (colon >= 0 && !word.startsWith('@collection.')) return modifiers(word.slice(0, colon).split('.'), scope);
  const path = word.split('.').slice(0, -1);
  const [first, second, ...rest] = path;
  if (first === undefined) {
    return [...inside([scope.own], scope), { label: '@request', type: 'keyword' }, { label: '@collection', type: 'keyword' }, ...MACROS.map((name): Suggestion => ({ label: `@${name}`, type: 'constant' })),
      { label: 'true', type: 'constant' }, { label: 'false', type: 'constant' }, { label: 'null', type: 'constant' }, { label: 'geoDistance', type: 'function' }, { label: 'strftime', type: 'function' }];
  }
  if (first === '@request') {
    if (second === undefined) return REQUEST.map((label) => ({ label, type: 'keyword' }));
    if (second === 'body') return rest.length === 0 ? scope.own.fields.map(property) : inside(follow([scope.own], rest, scope), scope);
    if (second !== 'auth') return [];
    const users = scope.collections.filter((one) => one.type === 'auth' && (!one.system || one.name === '_superusers'));
    const more: Suggestion[] = rest.length === 0 ? [{ label: 'collectionId', type: 'property' }, { label: 'collectionName', type: 'property' }] : [];
    return withoutDoubles([...inside(follow(users, rest, scope), scope), ...more]);
  }
  if (first === '@collection') {
    if (second === undefined) return scope.collections.map((one) => ({ label: one.name, type: 'class' }));
    const named = scope.collections.filter((one) => one.name === second.split(':')[0]);
    return inside(follow(named, rest, scope), scope);
  }
  return inside(follow([scope.own], path, scope), scope);
}
