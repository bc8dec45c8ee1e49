import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, it, snapshot } from 'node:test';
import { createOllamaReader } from './ollama/answer.ts';
import { createChunkReader } from './openai/chunks.ts';
import { createSseReader } from './openai/sse.ts';
import type { Part } from './part.ts';

const folder = join(import.meta.dirname, 'recorded');
snapshot.setResolveSnapshotPath(() => join(folder, 'parts.snapshot'));

/** The parts of a stream that arrives in pieces of so many bytes; texts that follow each other count as one. */
function partsOf(bytes: Buffer, isOllama: boolean, pieceSize: number): Part[] {
  const lines = createSseReader();
  const reader = isOllama ? createOllamaReader() : createChunkReader();
  const values: unknown[] = [];
  for (let at = 0; at < bytes.length; at += pieceSize) values.push(...lines.push(bytes.subarray(at, at + pieceSize)));
  values.push(...lines.end());
  assert.equal(lines.skipped, 0);
  const parts: Part[] = [];
  for (const value of values) reader.read(value, parts);
  // Ollama's calls have no ids; ours are random.
  const known = (id: string) => (/^call_[\da-f-]{36}$/.test(id) ? 'call_random' : id);
  return parts.map((part) => (part.type === 'tool_call' && part.id ? { ...part, id: known(part.id) } : part));
}

describe('streams as providers document them', () => {
  for (const file of readdirSync(folder).filter((name) => ['.sse', '.ndjson'].includes(extname(name)))) {
    it(file, (t) => {
      const bytes = readFileSync(join(folder, file));
      const isOllama = file.endsWith('.ndjson');
      const whole = partsOf(bytes, isOllama, bytes.length);
      t.assert.snapshot(whole);
      const strict = (parts: Part[]) => JSON.stringify(parts);
      const crlf = Buffer.from(bytes.toString('utf8').replaceAll('\n', '\r\n'));
      for (const size of [1, 7, 1_000]) {
        assert.equal(strict(partsOf(bytes, isOllama, size)), strict(whole), `in pieces of ${size} bytes`);
        assert.equal(strict(partsOf(crlf, isOllama, size)), strict(whole), `with CRLF, in pieces of ${size} bytes`);
      }
    });
  }
});
