import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exact, layout } from './json';

const cases: [why: string, text: string, path: (string | number)[], want: string | undefined][] = [
  ['digits that JavaScript loses', '{"id":"a","payload":12345678901234567890}', ['payload'], '12345678901234567890'],
  ['a number as it was written', '{"payload":1.0e+2}', ['payload'], '1.0e+2'],
  ['a quote and a brace in a text', '{"a":"}\\"{","payload":"x"}', ['payload'], '"x"'],
  ['a backslash before the end of a text', '{"a":"\\\\","payload":2}', ['payload'], '2'],
  ['a member of the same name, deeper and earlier', '{"a":{"payload":1},"payload":2}', ['payload'], '2'],
  ['an escaped name', '{"pay\\u006coad":3}', ['payload'], '3'],
  ['an object with white space in it', '{ "payload" : { "a" : [ 1 , 2 ] } , "b":1 }', ['payload'], '{ "a" : [ 1 , 2 ] }'],
  ['an element of a list in a list', '[[0],[1,{"x":-2.50}]]', [1, 1, 'x'], '-2.50'],
  ['null', '{"payload":null}', ['payload'], 'null'],
  ['text from right to left', '{"payload":"שלום"}', ['payload'], '"שלום"'],
  ['a name that is not there', '{"a":1}', ['payload'], undefined],
  ['an index that is not there', '[1]', [1], undefined],
  ['a member of what is no object', '[1]', ['a'], undefined],
  ['the whole text', ' {"a":1}', [], '{"a":1}'],
];
for (const [why, text, path, want] of cases) test('exact: ' + why, () => assert.equal(exact(text, ...path), want));

test('exact fails for a text that ends early', () => assert.throws(() => exact('{"a":"b', 'a')));

// A small generator with a fixed seed: what fails once fails always.
let seed = 7;
const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
const strings = ['', 'a', '"', '\\', '{', '}', ',', ':', ' ', '\n', '\u202e', 'שלום', '<script>', '\u0000', '😀'];
function value(depth: number): unknown {
  switch (random(depth > 4 ? 4 : 6)) {
    case 0: return null;
    case 1: return random(2) === 0;
    case 2: return random(1000) / 8 - 60;
    case 3: return strings[random(strings.length)]! + strings[random(strings.length)]!;
    case 4: return Array.from({ length: random(4) }, () => value(depth + 1));
    default: return Object.fromEntries(Array.from({ length: random(4) }, () => [strings[random(strings.length)]!, value(depth + 1)]));
  }
}

test('of random values, exact finds what was written, and layout changes white space only', () => {
  for (let i = 0; i < 2000; i++) {
    const [before, wanted, after] = [value(0), value(0), value(0)];
    const text = JSON.stringify({ before, wanted, after }, null, random(3));
    const found = exact(text, 'wanted');
    assert.deepEqual(JSON.parse(found ?? ''), wanted);
    const tokens = layout(text);
    assert.ok(tokens, text);
    assert.equal(JSON.stringify(JSON.parse(tokens.map((t) => t.text).join(''))), JSON.stringify({ before, wanted, after }));
    assert.equal(tokens.filter((t) => t.kind !== 'gap').map((t) => t.text).join(''), layout(tokens.map((t) => t.text).join(''))!.filter((t) => t.kind !== 'gap').map((t) => t.text).join(''));
  }
});

for (const text of ['<html>', 'upstream is away', '{"a":', '{"a":1}}', 'a"b']) {
  test(`layout leaves ${text} alone`, () => assert.equal(layout(text), undefined));
}

test('layout keeps each number as it was written', () => {
  const tokens = layout('[12345678901234567890,1.0,-0]') ?? [];
  assert.deepEqual(tokens.filter((t) => t.kind === 'number').map((t) => t.text), ['12345678901234567890', '1.0', '-0']);
});
