// Replays the recorded answers of Open WebUI 0.12.4 and writes the table of agreement into docs/compatibility.md:
// `node scripts/compatibility.ts [--database sqlite,postgresql,mysql] [area …]`. With areas only their rows change.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface Agreement {
  good: number;
  steps: number;
}

/** Area -> database -> steps that agree. */
export type Table = Map<string, Map<string, Agreement>>;

const DATABASES = ['sqlite', 'postgresql', 'mysql'];
const BEGIN = '<!-- agreement: written by scripts/compatibility.ts -->';
const END = '<!-- /agreement -->';

/** The table between the marks of a document; what the document has for cells that are not given stays. */
export function withTable(document: string, given: Table): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the document lacks the marks ${BEGIN} and ${END}`);
  const table = readTable(document.slice(begin, end));
  for (const [area, cells] of given) {
    const row = table.get(area) ?? new Map<string, Agreement>();
    table.set(area, new Map([...row, ...cells]));
  }
  return `${document.slice(0, begin)}${BEGIN}\n\n${print(table)}\n\n${document.slice(end)}`;
}

function readTable(text: string): Table {
  const rows = [...text.matchAll(/^\| (\S+) \|(.*)\|$/gm)].filter(
    ([, area]) => !['area', '**all**', '---'].includes(area ?? ''),
  );
  return new Map(
    rows.map(([, area = '', cells = '']) => {
      const found = cells.split('|').flatMap((cell, index) => {
        const [, good, steps] = /(\d+)\/(\d+)/.exec(cell) ?? [];
        const database = DATABASES[index];
        return database && good && steps ? [[database, { good: Number(good), steps: Number(steps) }] as const] : [];
      });
      return [area, new Map(found)];
    }),
  );
}

function print(table: Table): string {
  const areas = [...table.keys()].sort();
  const sums = new Map(
    DATABASES.flatMap((database) => {
      const cells = areas.flatMap((area) => table.get(area)?.get(database) ?? []);
      const sum = (key: keyof Agreement) => cells.reduce((total, cell) => total + cell[key], 0);
      return cells.length === areas.length ? [[database, { good: sum('good'), steps: sum('steps') }] as const] : [];
    }),
  );
  const row = (name: string, cells: Map<string, Agreement> | undefined) => {
    const texts = DATABASES.map((database) => {
      const cell = cells?.get(database);
      return cell ? `${cell.good}/${cell.steps}` : '';
    });
    return `| ${name} | ${texts.join(' | ')} |`;
  };
  return [
    `| area | ${DATABASES.join(' | ')} |`,
    `|---|${DATABASES.map(() => '---').join('|')}|`,
    ...areas.map((area) => row(area, table.get(area))),
    row('**all**', sums),
  ].join('\n');
}

interface OracleReport {
  summary: { area: string; good: number; steps: number }[];
}

function measure(oracle: string, database: string, areas: string[]): OracleReport['summary'] {
  const folder = mkdtempSync(join(tmpdir(), 'loggia-oracle-'));
  const report = join(folder, 'report.json');
  try {
    const { error } = spawnSync(process.execPath, [oracle, 'check', ...areas, '--json', report], {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, ORACLE_DATABASE: database },
    });
    if (error) throw error;
    if (!existsSync(report)) throw new Error(`the oracle ended without a report for ${database}`);
    return (JSON.parse(readFileSync(report, 'utf8')) as OracleReport).summary;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function main(): void {
  const root = resolve(import.meta.dirname, '..');
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { database: { type: 'string', default: 'sqlite' } },
  });
  const oracle = join(resolve(root, process.env.ORACLE ?? '../shared/oracle'), 'oracle.mjs');
  if (!existsSync(oracle)) throw new Error(`no oracle at ${oracle}; ORACLE names its folder`);
  const file = join(root, 'docs', 'compatibility.md');
  for (const database of values.database.split(',')) {
    if (!DATABASES.includes(database)) throw new Error(`unknown database "${database}"`);
    const summary = measure(oracle, database, positionals);
    const table: Table = new Map(
      summary.map(({ area, good, steps }) => [area, new Map([[database, { good, steps }]])]),
    );
    writeFileSync(file, withTable(readFileSync(file, 'utf8'), table));
  }
}

if (process.argv[1] && resolve(process.argv[1]) === import.meta.filename) main();
