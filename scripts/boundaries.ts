// Checks who may import whom (ARCHITECTURE.md): `node scripts/boundaries.ts`. Exit code 1 when a rule is broken.
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

export interface SourceFile {
  /** From the root, with `/`. */
  path: string;
  /** What it imports, types too: paths from the root, or package names. */
  imports: string[];
  /** Without what only types are taken from. */
  valueImports: string[];
}

interface Rule {
  name: string;
  broken(from: string, to: string, development: ReadonlySet<string>): boolean;
}

const featureOf = (path: string) => /^src\/features\/([^/]+)\//.exec(path)?.[1];
const isFeatureIndex = (path: string) => /^src\/features\/[^/]+\/index\.ts$/.test(path);
const isTest = (path: string) => path.startsWith('tests/') || path.endsWith('.test.ts');
const isProduction = (path: string) => path.startsWith('src/') && !isTest(path);

const RULES: Rule[] = [
  {
    name: 'the kernel knows no feature',
    broken: (from, to) => from.startsWith('src/kernel/') && /^src\/(?:features|commands)\/|^src\/[^/]+$/.test(to),
  },
  {
    name: 'other features only through their index.ts',
    broken: (from, to) => {
      const [own, other] = [featureOf(from), featureOf(to)];
      return from.startsWith('src/') && other !== undefined && own !== other && !isFeatureIndex(to);
    },
  },
  {
    name: 'features know neither the commands nor the composition root',
    broken: (from, to) => featureOf(from) !== undefined && /^src\/commands\/|^src\/[^/]+$/.test(to),
  },
  { name: 'no test code in the program', broken: (from, to) => isProduction(from) && isTest(to) },
  {
    name: 'no package in the program that only development installs',
    broken: (from, to, development) => isProduction(from) && development.has(to),
  },
];

/** One line for each broken rule and each circle of imports. */
export function violations(files: SourceFile[], development: ReadonlySet<string>): string[] {
  const found = files.flatMap(({ path, imports, valueImports }) =>
    RULES.flatMap(({ name, broken }) => {
      const looked = name.startsWith('no package') ? valueImports : imports;
      return looked.filter((to) => broken(path, to, development)).map((to) => `${path} -> ${to}: ${name}`);
    }),
  );
  return [...found, ...circles(files)];
}

/** Circles of value imports, each once, as `a -> b -> a`. */
function circles(files: SourceFile[]): string[] {
  const graph = new Map(files.map(({ path, valueImports }) => [path, valueImports]));
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      found.push(`${[...trail.slice(at), path].join(' -> ')}: circle`);
      return;
    }
    if (done.has(path)) return;
    for (const to of graph.get(path) ?? []) if (graph.has(to)) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}

const IMPORT =
  /(?:^|[\s;}])(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

/** Reads one file's imports from its text. `path` is relative to the root. */
export function readImports(path: string, text: string): SourceFile {
  const named = (source: string) =>
    [...source.matchAll(IMPORT)].map(([, statement, call]) => locate(path, statement ?? call ?? ''));
  // Static imports and circles: a dynamic import is there to break one.
  const stripped = path.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
  const values = [...stripped.matchAll(IMPORT)].flatMap(([, statement]) =>
    statement ? [locate(path, statement)] : [],
  );
  return { path, imports: [...new Set(named(text))], valueImports: [...new Set(values)] };
}

function locate(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

async function main(root: string): Promise<number> {
  process.removeAllListeners('warning');
  const files: SourceFile[] = [];
  for await (const path of glob(['src/**/*.ts', 'tests/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'], { cwd: root })) {
    files.push(readImports(path, readFileSync(join(root, path), 'utf8')));
  }
  const { devDependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies?: Record<string, string>;
  };
  const found = violations(files, new Set(Object.keys(devDependencies)));
  for (const line of found) console.error(line);
  console.log(`imports: ${files.length} files, ${found.length} broken rules`);
  return found.length > 0 || files.length === 0 ? 1 : 0;
}

if (process.argv[1] && relative(resolve(process.argv[1]), import.meta.filename) === '') {
  process.exitCode = await main(resolve(import.meta.dirname, '..'));
}
