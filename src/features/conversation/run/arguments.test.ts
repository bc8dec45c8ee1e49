import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readArguments } from './arguments.ts';

it('reads arguments as JSON, and as models write them who know Python', () => {
  for (const [text, value] of [
    ['', {}],
    ['{"a": [1, "x"]}', { a: [1, 'x'] }],
    [
      "{'count': 2, 'name': 'py', 'on': True, 'off': False, 'none': None}",
      { count: 2, name: 'py', on: true, off: false, none: null },
    ],
    [
      `{'say': "it's", 'quote': 'a "b"', 'esc': 'l1\\nl2 \\x41 \\u00e4 \\'', }`,
      { say: "it's", quote: 'a "b"', esc: "l1\nl2 A ä '" },
    ],
    ["['True', {'x': [1.5e3, -2,],}]", ['True', { x: [1500, -2] }]],
    ['{"count": ', null],
    ["{'a': open('x')}", null],
    ['not JSON', null],
    ["{'a': (1, 2)}", null],
    ["{'bad': '\\U00ffffff'}", null],
  ] as const) {
    assert.deepEqual(readArguments(text), value, text);
  }
});
