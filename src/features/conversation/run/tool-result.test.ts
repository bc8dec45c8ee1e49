import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ToolAnswer } from '../turn/turn.ts';
import { readResult, resultItem } from './tool-result.ts';

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const page = { 'content-type': 'text/html; charset=utf-8', 'content-disposition': 'inline' };

describe('a result of a tool', () => {
  it('shows pages to the reader and tells the model', () => {
    const plain = readResult('chart', new ToolAnswer('<h1>Chart</h1>', { headers: page }));
    assert.deepEqual(plain.embeds, ['<h1>Chart</h1>']);
    assert.match(plain.text, /"code": "ui_component"/);
    const told = readResult('chart', new ToolAnswer(['<h1>Chart</h1>', 'It grows.'], { headers: page }));
    assert.deepEqual([told.embeds, told.text], [['<h1>Chart</h1>'], 'It grows.']);
    const headers = { 'content-disposition': 'inline', location: 'https://charts.example.com/1' };
    assert.deepEqual(readResult('chart', new ToolAnswer('x', { headers })).embeds, [headers.location]);
    const script = { ...headers, location: 'javascript:alert(1)' };
    assert.deepEqual(readResult('chart', new ToolAnswer('x', { headers: script })).embeds, []);
    const source = readResult('chart', new ToolAnswer('<h1>x</h1>', { headers: { 'content-type': 'text/html' } }));
    assert.deepEqual([source.embeds, source.text], [[], '<h1>x</h1>']);
  });

  it('gives pictures to the model, and those a server sent to the reader too', async () => {
    const inside = readResult('draw', { picture: PIXEL, n: 1 });
    assert.deepEqual(inside.images, [PIXEL]);
    assert.equal(inside.text, '{\n  "picture": "[image]",\n  "n": 1\n}');
    assert.equal(readResult('draw', PIXEL).text, 'draw: Image file read successfully.');
    const files = [
      { type: 'image', url: PIXEL },
      { type: 'audio', url: 'data:audio/wav;base64,AAAA' },
    ];
    const item = await resultItem(readResult('draw', new ToolAnswer('here', { files })), async (url) =>
      url.slice(5, 14),
    );
    assert.deepEqual(item, {
      output: [
        { type: 'input_text', text: 'here' },
        { type: 'input_image', image_url: 'image/png' },
      ],
      files: [
        { type: 'image', url: 'image/png' },
        { type: 'audio', url: 'audio/wav' },
      ],
    });
  });

  it('keeps other data out of what the model reads', () => {
    const { text, files } = readResult('read', ['a', 'data:text/plain,secret', 2]);
    assert.equal(text, '{\n  "results": [\n    "a",\n    2\n  ]\n}');
    assert.deepEqual(files, [{ type: 'data', content: 'data:text/plain,secret' }]);
  });

  it('comes to an end on any nesting', () => {
    let deep: unknown = PIXEL;
    for (let level = 0; level < 200; level += 1) deep = [deep];
    assert.deepEqual(readResult('deep', deep).images, []);
  });
});
