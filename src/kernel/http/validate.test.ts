import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ValidationError } from './errors.ts';
import { locateJsonError, parseBody } from './json-body.ts';
import { Bool, Default, Dict, Int, List, Nullable, Num, OneOf, Optional, Str, Strict, shape, Union } from './shapes.ts';
import { validate } from './validate.ts';

const Form = shape('Form', {
  name: Str(),
  count: Default(Int(), 3),
  ratio: Optional(Num()),
  flag: Optional(Bool()),
  note: Default(Nullable(Str()), null),
  tags: Optional(List(Str())),
  kind: Optional(OneOf('a', 'b')),
  data: Optional(Nullable(Dict())),
});

function problems(schema: Parameters<typeof validate>[0], value: unknown) {
  try {
    validate(schema, value, ['body']);
  } catch (error) {
    assert.ok(error instanceof ValidationError);
    return error.items;
  }
  return [];
}

describe('validation', () => {
  it('fills defaults, drops unknown members and leaves absent optional ones out', () => {
    assert.deepEqual(validate(Form, { name: 'x', other: 1 }, ['body']), { name: 'x', count: 3, note: null });
  });

  it('reads numbers and booleans loosely, text strictly', () => {
    const value = { name: 'x', count: ' +1_000.0 ', ratio: '2.5', flag: 'YES' };
    assert.deepEqual(validate(Form, value, ['body']), { name: 'x', count: 1000, ratio: 2.5, flag: true, note: null });
    assert.deepEqual(problems(Form, { name: 5 })[0], {
      type: 'string_type',
      loc: ['body', 'name'],
      msg: 'Input should be a valid string',
      input: 5,
    });
  });

  it('reports every problem in declaration order', () => {
    const value = { count: 1.5, flag: 'maybe', tags: {}, kind: 'c', data: [] };
    assert.deepEqual(
      problems(Form, value).map(({ type, loc }) => [type, loc.join('.')]),
      [
        ['missing', 'body.name'],
        ['int_from_float', 'body.count'],
        ['bool_parsing', 'body.flag'],
        ['list_type', 'body.tags'],
        ['literal_error', 'body.kind'],
        ['dict_type', 'body.data'],
      ],
    );
    assert.deepEqual(problems(Form, value)[4]?.ctx, { expected: "'a' or 'b'" });
  });

  it('tries unions member by member and names them when all fail', () => {
    const union = shape('U', { value: Union([Str(), Int(), Dict()]) });
    assert.deepEqual(validate(union, { value: 7 }, ['body']), { value: 7 });
    assert.deepEqual(
      problems(union, { value: true }).map(({ loc }) => loc.join('.')),
      [],
    );
    assert.deepEqual(
      problems(union, { value: [] }).map(({ loc }) => loc.at(-1)),
      ['str', 'int', 'dict[any,any]'],
    );
  });

  it('keeps or refuses unknown members where the shape says so, and survives __proto__', () => {
    const kept = shape('K', { a: Str() }, { extra: 'keep' });
    const value = validate(kept, JSON.parse('{"a":"x","b":1,"__proto__":{"admin":true}}'), ['body']);
    assert.deepEqual(Object.keys(value as object), ['a', 'b', '__proto__']);
    assert.equal((value as { admin?: boolean }).admin, undefined);
    assert.equal(problems(shape('F', { a: Str() }, { extra: 'forbid' }), { a: 'x', b: 1 })[0]?.type, 'extra_forbidden');
  });

  it('takes only the exact type for strict members', () => {
    assert.equal(problems(shape('S', { on: Strict(Bool()) }), { on: 'true' })[0]?.type, 'bool_type');
  });
});

describe('JSON bodies', () => {
  const at = (text: string) => locateJsonError(text).position;
  it('says where a strict parser stops, counted in characters', () => {
    assert.equal(at('{"a": 1'), 7);
    assert.equal(at('{"a": "x'), 6);
    assert.equal(at('{"a": "\\x"}'), 7);
    assert.equal(at('{"a": "\n"}'), 7);
    assert.equal(at('{"a": }'), 6);
    assert.equal(at('{"a": 1,}'), 8);
    assert.equal(at('01'), 1);
    assert.equal(at('1  2'), 3);
    assert.equal(at('   '), 3);
    assert.equal(at('["😀", x]'), 6);
  });

  it('parses by content type only', () => {
    const raw = Buffer.from('{"a":1}');
    assert.equal(parseBody('application/json; charset=utf-8', raw).kind, 'json');
    assert.equal(parseBody('application/scim+json', raw).kind, 'json');
    assert.equal(parseBody('text/json', raw).kind, 'text');
    assert.equal(parseBody(undefined, raw).kind, 'text');
    assert.equal(parseBody('application/json', Buffer.alloc(0)).kind, 'none');
    const marked = parseBody('application/json', Buffer.from('\ufeff{"a":1}'));
    assert.deepEqual(marked, { kind: 'json', value: { a: 1 } });
  });
});
