import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { curl, decode } from './curl';

/** Returns the arguments that a shell passes to curl. */
function args(command: string): string[] {
  const out = execFileSync('sh', ['-c', `curl() { printf '%s\\000' "$@"; }\n${command}`], { encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

test('a shell reads the command as the request, whatever is in it', () => {
  const body = `{"n":12345678901234567890,"quote":"it's $HOME \`id\` \\\\ \\" !","rtl":"שלום\u202e","line":"a\nb"}`;
  const sent = {
    method: 'POST',
    url: "http://127.0.0.1:9/a?b='c'&d=$(id)",
    headers: [['Content-Type', 'application/json'], ['X-Quote', "it's; $(id)"], ['Host', 'a'], ['Content-Length', '5'], ['X-Empty', '']] as [string, string][],
    body_base64: Buffer.from(body).toString('base64'),
  };
  assert.deepEqual(args(curl(sent)), [
    '-sS', '-i', '-X', 'POST', sent.url, '-H', 'Content-Type: application/json', '-H', "X-Quote: it's; $(id)", '-H', 'X-Empty;', '--data-binary', body,
  ]);
});

test('a request without a body has none', () => {
  assert.deepEqual(args(curl({ method: 'POST', url: 'http://a/', headers: [] })), ['-sS', '-i', '-X', 'POST', 'http://a/']);
});

test('decode keeps a byte order mark and every character', () => {
  for (const text of ['', '\ufeffa', 'שלום', '😀', '\u0000\u202e']) {
    assert.equal(decode(Buffer.from(text).toString('base64')), text);
  }
});
