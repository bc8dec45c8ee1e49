// What Loggia is for, measured: `npm run bench` prints one table; `npm run bench -- --against 'COMMAND'` measures another
// server the same way, side by side. COMMAND is a shell line that starts it from HOST, PORT and DATA_DIR.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Measurements, measure, type Plan } from './measure.ts';
import { startProvider } from './server-process.ts';

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    server: { type: 'string', default: `${resolve(import.meta.dirname, '../bin/loggia')} serve` },
    fixture: { type: 'string' },
    only: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(
    `usage: npm run bench -- [--against COMMAND] [--fixture DATA_FOLDER] [--only start,requests,relay,tools,live,gateway,people] [--seconds N] [--json]`,
  );
  process.exit(0);
}

const provider = await startProvider();
try {
  const plan: Plan = {
    provider: provider.base,
    fixture: values.fixture,
    parts: values.only?.split(',') ?? ['start', 'requests', 'relay', 'tools', 'live', 'gateway', 'people'],
    seconds: Number(values.seconds),
  };
  const columns: { name: string; figures: Measurements }[] = [
    { name: 'loggia', figures: await measure(values.server, plan) },
  ];
  if (values.against) columns.push({ name: 'other', figures: await measure(values.against, plan) });
  if (values.json)
    console.log(
      JSON.stringify(Object.fromEntries(columns.map(({ name, figures }) => [name, Object.fromEntries(figures)]))),
    );
  else print(columns);
} finally {
  provider.stop();
}

function print(columns: { name: string; figures: Measurements }[]): void {
  const [ours, other] = columns;
  if (!ours) return;
  const width = Math.max(...[...ours.figures.keys()].map((name) => name.length));
  const cell = (value: number | undefined) => (value === undefined ? '-' : format(value)).padStart(12);
  console.log(
    `${''.padEnd(width)}${columns.map(({ name }) => name.padStart(12)).join('')}${other ? 'ratio'.padStart(12) : ''}`,
  );
  for (const [name, value] of ours.figures) {
    const theirs = other?.figures.get(name);
    const ratio = other ? cell(theirs === undefined ? undefined : value / theirs) : '';
    console.log(`${name.padEnd(width)}${cell(value)}${other ? cell(theirs) : ''}${ratio}`);
  }
}

function format(value: number): string {
  if (Number.isNaN(value)) return '-';
  if (value >= 1_000) return Math.round(value).toLocaleString('en');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
