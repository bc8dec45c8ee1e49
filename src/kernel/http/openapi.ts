import type { Route } from './route.ts';
import type { TSchema } from './shapes.ts';

interface OpenApiInfo {
  title: string;
  version: string;
}

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of the routes; named shapes become components. */
export function buildOpenApi(routes: readonly Route[], info: OpenApiInfo): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const one of routes) {
    if (one.hidden) continue;
    const path = one.url.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, '{path}');
    paths[path] ??= {};
    const item = paths[path];
    for (const method of one.methods) {
      if (item) item[method.toLowerCase()] = operation(one, method, path, components);
    }
  }
  return {
    openapi: '3.1.0',
    info,
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: { ...components, HTTPValidationError, ValidationError },
      securitySchemes: { HTTPBearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

const ValidationError = {
  title: 'ValidationError',
  type: 'object',
  required: ['loc', 'msg', 'type'],
  properties: {
    loc: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
    msg: { type: 'string' },
    type: { type: 'string' },
    input: {},
    ctx: { type: 'object' },
  },
};

const HTTPValidationError = {
  title: 'HTTPValidationError',
  type: 'object',
  properties: { detail: { type: 'array', items: { $ref: '#/components/schemas/ValidationError' } } },
};

function operation(one: Route, method: string, path: string, components: Json): Json {
  const anonymous = one.access.kind === 'anyone';
  const parameters = [...pathParameters(path), ...queryParameters(one.query, components)];
  const validated = one.body !== undefined || one.query !== undefined;
  return {
    tags: [one.tag ?? tagOf(one.url)],
    operationId: `${method.toLowerCase()}_${path.replaceAll(/[^\w]+/g, '_').replace(/^_|_$/g, '')}`,
    ...(anonymous ? {} : { security: [{ HTTPBearer: [] }] }),
    'x-access': one.access.needs ? `${one.access.kind} ${one.access.needs}` : one.access.kind,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(one.body ? { requestBody: content(one.body, components, 'application/json') } : {}),
    ...(one.multipart
      ? { requestBody: { content: { 'multipart/form-data': { schema: { type: 'object' } } }, required: true } }
      : {}),
    responses: {
      [String(one.status ?? 200)]: {
        description: 'Success',
        content: { 'application/json': { schema: one.reply ? reference(one.reply, components) : {} } },
      },
      ...(validated
        ? {
            '422': {
              description: 'Validation error',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/HTTPValidationError' } } },
            },
          }
        : {}),
    },
  };
}

function tagOf(url: string): string {
  const parts = url.split('/').filter((part) => part !== '');
  return (parts[0] === 'api' && parts[1] === 'v1' ? parts[2] : parts[0]) ?? 'root';
}

function content(schema: TSchema, components: Json, type: string): Json {
  return { required: !('default' in schema), content: { [type]: { schema: reference(schema, components) } } };
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(schema: TSchema | undefined, components: Json): Json[] {
  const { properties = {} } = (schema ?? {}) as { properties?: Record<string, TSchema> };
  return Object.entries(properties).map(([name, member]) => ({
    name,
    in: 'query',
    required: !('default' in member) && !('~optional' in member),
    schema: reference(member, components),
  }));
}

const OWN_KEYWORDS = new Set(['dict', 'strict', '~optional']);

/** The schema as OpenAPI wants it: named shapes by reference, members with defaults not required. */
function reference(schema: unknown, components: Json): unknown {
  if (Array.isArray(schema)) return schema.map((one) => reference(one, components));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { title, type } = schema as { title?: string; type?: string };
  if (title !== undefined && type === 'object') {
    if (!(title in components)) {
      components[title] = {};
      components[title] = plain(schema as Json, components);
    }
    return { $ref: `#/components/schemas/${title}` };
  }
  return plain(schema as Json, components);
}

function plain(schema: Json, components: Json): Json {
  const result: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (OWN_KEYWORDS.has(key)) continue;
    if (key === 'properties') {
      const properties = value as Record<string, Json>;
      result.properties = Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, reference(member, components)]),
      );
      const required = Object.keys(properties).filter((name) => {
        const member = properties[name];
        return member !== undefined && !('default' in member) && !('~optional' in member);
      });
      if (required.length > 0) result.required = required;
    } else result[key] = key === 'default' ? value : reference(value, components);
  }
  return result;
}
