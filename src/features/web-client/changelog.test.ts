import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseChangelog } from './changelog.ts';

const entry = (version: string) =>
  `## [${version}] - 2026-01-02\n\n### Added\n\n- **A thing**: it *is* <new>. [More](https://example.com/?a=1&b=2)\n- No colon here\n`;

it('gives the first five versions with their sections and items', () => {
  const text = `# Changelog\n\n- not an item\n\n${['6', '5', '4', '3', '2', '1'].map(entry).join('\n')}`;
  const changelog = parseChangelog(text);
  assert.deepEqual(Object.keys(changelog).sort(), ['2', '3', '4', '5', '6']);
  assert.deepEqual(changelog['6'], {
    date: '2026-01-02',
    added: [
      {
        title: 'A thing',
        content: 'it *is* <new>. More',
        raw: '<li><strong>A thing</strong>: it *is* &lt;new&gt;. <a href="https://example.com/?a=1&amp;b=2">More</a></li>',
      },
      { title: '', content: 'No colon here', raw: '<li>No colon here</li>' },
    ],
  });
});

it('is empty without text', () => assert.deepEqual(parseChangelog(''), {}));
