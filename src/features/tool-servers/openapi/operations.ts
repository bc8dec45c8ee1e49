import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { cleanSchema, createResolver, type Resolver } from './schema.ts';

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';

export interface OperationParameter {
  name: string;
  in: ParameterPlace;
  required: boolean;
}

/** What the server takes as body. */
export interface OperationBody {
  /** Its members; null: any. */
  members: ReadonlySet<string> | null;
}

/** One operation of an OpenAPI document as a tool. */
export interface Operation {
  name: string;
  /** Upper case. */
  method: string;
  /** With its placeholders. */
  path: string;
  parameters: readonly OperationParameter[];
  body: OperationBody | null;
  spec: { name: string; description: string; parameters: JsonObject };
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const PLACES = new Set<unknown>(['path', 'query', 'header', 'cookie']);
/** A model cannot choose among more; what comes after is left out. */
const MOST_OPERATIONS = 2_000;

/** The operations of a document that have a name (plugins note, 5.4). */
export function operationsOf(document: JsonObject): Operation[] {
  const resolve = createResolver(document);
  const operations: Operation[] = [];
  const paths = isObject(document.paths) ? document.paths : {};
  for (const [path, given] of Object.entries(paths)) {
    const item = resolve.target(given);
    for (const method of METHODS) {
      const operation = item[method];
      if (!isObject(operation) || typeof operation.operationId !== 'string' || operation.operationId === '') continue;
      if (operations.length >= MOST_OPERATIONS) return operations;
      operations.push(readOperation(path, method, item, operation, resolve));
    }
  }
  return operations;
}

function readOperation(
  path: string,
  method: string,
  item: JsonObject,
  operation: JsonObject,
  resolve: Resolver,
): Operation {
  const name = String(operation.operationId);
  const parameters = readParameters([item.parameters, operation.parameters], resolve);
  const body = bodySchema(operation, resolve);
  return {
    name,
    method: method.toUpperCase(),
    path,
    parameters: parameters.map(({ name: parameter, place, required }) => ({ name: parameter, in: place, required })),
    body: body && { members: plainMembers(body) },
    spec: {
      name,
      description: text(operation.description) || text(operation.summary) || 'No description available.',
      parameters: cleanSchema(schemaOf(name, parameters, body)),
    },
  };
}

interface Parameter {
  name: string;
  place: ParameterPlace;
  required: boolean;
  property: JsonObject;
}

/** Those of the path, then those of the operation; a later one of the same name and place wins. */
function readParameters(lists: readonly unknown[], resolve: Resolver): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const list of lists) {
    for (const given of Array.isArray(list) ? list : []) {
      const parameter = resolve.target(given);
      const { name, in: place } = parameter;
      if (typeof name !== 'string' || name === '' || !PLACES.has(place)) continue;
      found.set(`${place} ${name}`, {
        name,
        place: place as ParameterPlace,
        required: parameter.required === true || place === 'path',
        property: propertyOf(parameter, resolve(schemaIn(parameter))),
      });
    }
  }
  return [...found.values()];
}

/** Its schema, or that of its only content type. */
function schemaIn({ schema, content }: JsonObject): unknown {
  if (isObject(schema)) return schema;
  const first = isObject(content) ? Object.values(content)[0] : null;
  return isObject(first) ? first.schema : {};
}

function propertyOf(parameter: JsonObject, schema: JsonObject): JsonObject {
  const own = text(schema.description) || text(parameter.description);
  const choices = Array.isArray(schema.enum) ? `Possible values: ${schema.enum.map(String).join(', ')}` : '';
  return {
    type: schema.type ?? 'string',
    description: [own, choices].filter(Boolean).join('. '),
    ...(isObject(schema.items) && { items: schema.items }),
  };
}

function bodySchema(operation: JsonObject, resolve: Resolver): JsonObject | null {
  const { content } = resolve.target(operation.requestBody);
  if (!isObject(content)) return null;
  const type = Object.keys(content).find((one) => /^application\/(?:[\w.+-]*\+)?json\b/i.test(one));
  const media = type === undefined ? null : content[type];
  return isObject(media) && isObject(media.schema) ? resolve(media.schema) : null;
}

function plainMembers(schema: JsonObject): ReadonlySet<string> | null {
  return isObject(schema.properties) ? new Set(Object.keys(schema.properties)) : null;
}

function schemaOf(name: string, parameters: readonly Parameter[], body: JsonObject | null): JsonObject {
  if (body?.type === 'array') return { ...body };
  const given = body ? objectMembers(body) : { properties: {}, required: [] };
  const properties: JsonObject = {
    ...Object.fromEntries(parameters.map(({ name: parameter, property }) => [parameter, property])),
    ...given.properties,
  };
  if (name === 'display_file') {
    properties.inline = { type: 'boolean', description: 'Shows the file inside the conversation.' };
    properties.page = { type: 'integer', minimum: 1, description: 'The page to show first.' };
  }
  const required = parameters.flatMap((one) => (one.required ? [one.name] : []));
  return { type: 'object', properties, required: [...new Set([...required, ...given.required])] };
}

interface Members {
  properties: JsonObject;
  required: string[];
}

/** The members a body may have. Of a choice between several, all; what every one of them needs is needed. */
function objectMembers(schema: JsonObject): Members {
  let properties = isObject(schema.properties) ? schema.properties : {};
  let required = names(schema.required);
  for (const part of objects(schema.allOf)) {
    const inner = objectMembers(part);
    properties = { ...inner.properties, ...properties };
    required = [...required, ...inner.required];
  }
  for (const choice of [objects(schema.oneOf), objects(schema.anyOf)]) {
    const inner = choice.map(objectMembers);
    for (const one of inner) properties = { ...one.properties, ...properties };
    const [first, ...others] = inner;
    if (first) required.push(...first.required.filter((name) => others.every((one) => one.required.includes(name))));
  }
  return { properties, required };
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
