import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operationsOf } from './operations.ts';

const body = (schema: unknown) => ({ requestBody: { content: { 'application/json': { schema } } } });
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const only = (document: Record<string, unknown>) => {
  const [operation] = operationsOf(document);
  assert.ok(operation);
  return operation;
};

describe('operations of an OpenAPI document', () => {
  it('are told with their parameters in every form', () => {
    const { spec, parameters } = only({
      paths: {
        '/a/{id}': {
          parameters: [
            { name: 'id', in: 'path', schema: { type: 'integer', description: 'Its number' } },
            { name: 'lang', in: 'query', schema: { type: 'string', enum: ['de', 1] } },
          ],
          get: {
            operationId: 'get',
            parameters: [
              { name: 'lang', in: 'query', required: true, description: 'Language', schema: { enum: ['de', 'en'] } },
              { name: 'filter', in: 'query', content: { 'application/json': { schema: { type: 'object' } } } },
              { name: 'odd', in: 'body' },
              { in: 'query' },
              null,
            ],
          },
          post: { summary: 'without an operationId' },
        },
      },
    });
    assert.deepEqual(spec, {
      name: 'get',
      description: 'No description available.',
      parameters: {
        type: 'object',
        properties: {
          id: { type: 'integer', description: 'Its number' },
          lang: { type: 'string', description: 'Language. Possible values: de, en' },
          filter: { type: 'object', description: '' },
        },
        required: ['id', 'lang'],
      },
    });
    assert.equal(parameters.length, 3);
  });

  it('take bodies of parts, choices, cycles and nulls', () => {
    const schemas = {
      Base: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      Node: {
        allOf: [
          ref('Base'),
          { properties: { next: ref('Node'), note: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null } } },
        ],
      },
    };
    const { spec } = only({
      paths: { '/n': { post: { operationId: 'n', ...body(ref('Node')) } } },
      components: { schemas },
    });
    assert.deepEqual(spec.parameters, {
      type: 'object',
      properties: { next: { type: 'string' }, note: { type: 'string' }, id: { type: 'string' } },
      required: ['id'],
    });
  });

  it('come to an end whatever the document refers to', () => {
    const schemas: Record<string, unknown> = { s0: { type: 'string' } };
    for (let level = 1; level < 64; level += 1) {
      const properties = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`p${at}`, ref(`s${level - 1}`)]));
      schemas[`s${level}`] = { type: 'object', properties };
    }
    const began = performance.now();
    const { spec } = only({
      paths: { '/b': { post: { operationId: 'b', ...body(ref('s63')) } } },
      components: { schemas },
    });
    assert.ok(performance.now() - began < 2_000);
    assert.equal(Object.keys(spec.parameters.properties as object).length, 8);
    let deep: unknown = { type: 'string' };
    for (let level = 0; level < 5_000; level += 1) deep = { type: 'array', items: deep };
    assert.equal(operationsOf({ paths: { '/d': { post: { operationId: 'd', ...body(deep) } } } }).length, 1);
    const loop = { $ref: '#/components/parameters/Loop' };
    const document = {
      paths: { '/l': { get: { operationId: 'l', parameters: [loop] } } },
      components: { parameters: { Loop: loop } },
    };
    assert.deepEqual(only(document).parameters, []);
    for (const paths of [null, [], 'x', { '/x': null }, { '/x': { get: 'x' } }])
      assert.deepEqual(operationsOf({ paths }), []);
  });
});
