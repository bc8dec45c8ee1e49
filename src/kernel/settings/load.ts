import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { ollamaUrls, publicOpenaiKey } from './connections.ts';
import { databaseUrl } from './database-url.ts';
import { halfSetGroups } from './half-set.ts';
import { secretKey } from './secret-key.ts';
import { splitList, type Variable } from './variable.ts';
import { type SettingName, type SettingValue, variables } from './variables/index.ts';

/** What the environment said, read once at start. */
export interface Settings {
  get<N extends SettingName>(name: N): SettingValue<N>;
  /** Whether the variable, or an older name of it, is present and not empty. */
  isSet(name: SettingName): boolean;
  /** Absolute. */
  readonly dataDir: string;
  /** Signs session tokens; encryption keys derive from it. */
  readonly secretKey: string;
  /** Every form of the key that older tokens may carry, `secretKey` first. */
  readonly secretKeys: readonly string[];
  /** What was read, but hardly meant so; one line each, for the log. */
  readonly warnings: readonly string[];
}

/** Settings that cannot be used; one line per variable. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? `${problems[0]}`
        : `Settings that cannot be used:\n${problems.map((one) => `  ${one}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

const root = resolve(import.meta.dirname, '../../..');

/** Reads all variables. Throws SettingsError with every problem found. */
export function loadSettings(env: NodeJS.ProcessEnv, workingDir: string = process.cwd()): Settings {
  const reader = new Reader(env);
  const dataDir = resolve(workingDir, env.DATA_DIR || join(root, 'data'));
  const values = reader.all(dataDir);
  const raw = (name: SettingName) => reader.text(name) ?? textOf(values.get(name));
  overrule(values, reader, dataDir, raw);
  reader.problems.push(...halfSetGroups((name) => reader.text(name) ?? '', values));
  if (reader.problems.length > 0) throw new SettingsError(reader.problems);

  let key: ReturnType<typeof secretKey>;
  try {
    key = secretKey(env.WEBUI_SECRET_KEY || env.WEBUI_JWT_SECRET_KEY, {
      dataDir,
      name: values.get('WEBUI_SECRET_KEY_FILE') as string,
      length: values.get('WEBUI_SECRET_KEY_LENGTH') as number,
      workingDir,
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SettingsError([`WEBUI_SECRET_KEY: is not set, and no key file can be read or made: ${reason}`]);
  }
  for (const name of ['WEBUI_SECRET_KEY', ...derivedFrom('WEBUI_SECRET_KEY')] as SettingName[]) {
    if (!reader.text(name)) values.set(name, key.key);
  }
  return {
    get: (name) => values.get(name) as SettingValue<typeof name>,
    isSet: (name) => Boolean(reader.text(name)),
    dataDir,
    secretKey: key.key,
    secretKeys: key.forms,
    warnings: reader.warnings,
  };
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(';');
  return value === null || value === undefined ? '' : String(value);
}

function derivedFrom(name: SettingName): SettingName[] {
  return (Object.keys(variables) as SettingName[]).filter((other) => {
    const { fallback } = variables[other] as Variable<unknown>;
    return 'from' in fallback && fallback.from === name;
  });
}

/** Reads the texts of the environment by the declarations. */
class Reader {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly env: NodeJS.ProcessEnv;
  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** Text of a variable or of the first of its older names that is present; undefined when there is none. */
  text(name: SettingName): string | undefined {
    const { aliases } = variables[name] as Variable<unknown>;
    for (const one of [name, ...aliases]) if (this.env[one] !== undefined) return this.env[one];
    return undefined;
  }

  all(dataDir: string): Map<string, unknown> {
    const values = new Map<string, unknown>();
    const names = Object.keys(variables) as SettingName[];
    // Defaults that are another variable's value come after it; chains are at most two long.
    for (const pass of [0, 1, 2]) {
      for (const name of names) {
        if (values.has(name)) continue;
        const value = this.read(name, dataDir, values, pass === 2);
        if (value !== undefined) values.set(name, value);
      }
    }
    return values;
  }

  read(name: SettingName, dataDir: string, known: Map<string, unknown>, last: boolean): unknown {
    const variable = variables[name] as Variable<unknown>;
    const text = this.text(name);
    if (text === undefined || (text.trim() === '' && !variable.empty)) {
      const { fallback } = variable;
      if ('value' in fallback) return fallback.value;
      if ('inDataDir' in fallback) return join(dataDir, fallback.inDataDir);
      if ('computed' in fallback) return '';
      const other = known.get(fallback.from);
      if (other === undefined && last)
        throw new Error(`${name}: its default names ${fallback.from}, which has no value`);
      return other;
    }
    if (text.trim() === '' && variable.empty) return variable.empty.value;
    return this.parse(name, variable, text);
  }

  parse(name: SettingName, variable: Variable<unknown>, text: string): unknown {
    if (variable.type === 'boolean' && !/^\s*(true|false)\s*$/i.test(text)) {
      this.warnings.push(`${name}: only "true" means true; what is set counts as false`);
    }
    try {
      return variable.read(text);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (variable.invalid) {
        this.warnings.push(`${name}: ${problem}; the value that is set is not used`);
        return variable.invalid.value;
      }
      this.problems.push(`${name}: ${problem}`);
      return null;
    }
  }
}

type Raw = (name: SettingName) => string;

/** Values that follow from several variables. */
function overrule(values: Map<string, unknown>, reader: Reader, dataDir: string, raw: Raw): void {
  values.set('DATA_DIR', dataDir);
  const fill = (name: SettingName, value: () => unknown) => {
    if (!reader.text(name)) values.set(name, value());
  };
  fill('INSTANCE_ID', randomUUID);
  const database = databaseUrl((name) => reader.text(name) ?? '', dataDir);
  for (const name of ['DATABASE_URL', ...derivedFrom('DATABASE_URL')] as SettingName[]) {
    if (name === 'DATABASE_URL' || !reader.text(name)) values.set(name, database);
  }
  fill('RAG_OLLAMA_BASE_URL', () => ollamaUrls(raw).urls[0] ?? '');
  for (const [name, variable] of Object.entries(variables)) {
    if ('computed' in variable.fallback && variable.fallback.computed.startsWith('the key paired')) {
      fill(name as SettingName, () => publicOpenaiKey(raw));
    }
  }
  const separator = values.get('OAUTH_ROLES_SEPARATOR') as string;
  for (const name of ['OAUTH_ALLOWED_ROLES', 'OAUTH_ADMIN_ROLES'] as const) {
    const text = reader.text(name);
    if (text) values.set(name, splitList(text, separator || ','));
  }
  if (!values.get('WEBUI_AUTH')) values.set('ENABLE_SIGNUP', false);
  if (values.get('OFFLINE_MODE')) for (const name of offWhenOffline) values.set(name, false);
  if (values.get('USE_SLIM_DOCKER')) {
    fill('VECTOR_DB', () => 'pgvector');
    values.set('BYPASS_PYDUB_PREPROCESSING', true);
  }
}

const offWhenOffline = [
  'ENABLE_VERSION_UPDATE_CHECK',
  'RAG_EMBEDDING_MODEL_AUTO_UPDATE',
  'RAG_RERANKING_MODEL_AUTO_UPDATE',
  'WHISPER_MODEL_AUTO_UPDATE',
  'ENABLE_PIP_INSTALL_FRONTMATTER_REQUIREMENTS',
] as const satisfies readonly SettingName[];

/** The product name clients show: another name carries the original one behind it (configuration note, 17). */
export function productName(settings: Settings): string {
  const name = settings.get('WEBUI_NAME');
  return name === 'Open WebUI' || name === '' ? 'Open WebUI' : `${name} (Open WebUI)`;
}

/** Whether plugin kinds are on: each needs the master switch. */
export function pluginsEnabled(settings: Settings, kind: 'TOOLS' | 'FUNCTIONS' | 'TOOL_SERVERS'): boolean {
  return settings.get('ENABLE_PLUGINS') && settings.get(`ENABLE_${kind}`);
}
