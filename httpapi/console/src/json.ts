// Exact JSON: where a value stands in a text, and the text in a readable layout. A payload may
// hold numbers that JavaScript cannot represent, so it is never parsed and written again.

const space = /[ \t\r\n]*/y;
const scalar = /"(?:[^"\\]|\\.)*"|[-+.\w]+/sy;

function skip(text: string, at: number, pattern: RegExp): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Returns the index behind the value that begins at an index of well-formed JSON. */
function valueEnd(text: string, at: number): number {
  let depth = 0;
  do {
    const c = text[at];
    if (c === undefined) throw new Error('the JSON text ends within a value');
    if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') depth--;
    if (c === '"' || !/[{}[\],:\s]/.test(c)) {
      const end = skip(text, at, scalar);
      if (end === at) throw new Error(`the JSON text is damaged at ${at}`);
      at = end;
    } else at++;
  } while (depth > 0);
  return at;
}

/**
 * Returns the text of a member of the object that `text` holds, byte for byte as the server sent
 * it; undefined if there is none. A number in the path is the index in an array.
 */
export function exact(text: string, ...path: (string | number)[]): string | undefined {
  let from = skip(text, 0, space);
  for (const step of path) {
    const found = typeof step === 'number' ? element(text, from, step) : member(text, from, step);
    if (found === undefined) return undefined;
    from = found;
  }
  return text.slice(from, valueEnd(text, from));
}

function member(text: string, at: number, name: string): number | undefined {
  if (text[at] !== '{') return undefined;
  at = skip(text, at + 1, space);
  while (text[at] === '"') {
    const end = valueEnd(text, at);
    const key = JSON.parse(text.slice(at, end)) as string;
    const value = skip(text, skip(text, end, space) + 1, space);
    if (key === name) return value;
    at = next(text, value);
  }
  return undefined;
}

function element(text: string, at: number, index: number): number | undefined {
  if (text[at] !== '[') return undefined;
  at = skip(text, at + 1, space);
  for (let i = 0; text[at] !== ']'; i++) {
    if (i === index) return at;
    at = next(text, at);
  }
  return undefined;
}

function next(text: string, value: number): number {
  const behind = skip(text, valueEnd(text, value), space);
  return text[behind] === ',' ? skip(text, behind + 1, space) : behind;
}

export type Token = { kind: 'key' | 'text' | 'number' | 'word' | 'mark' | 'gap'; text: string };

const tokens = /\s+|"(?:[^"\\]|\\.)*"|[-+.\w]+|[{}[\],:]/gs;

/**
 * Lays out a JSON text in lines, and changes nothing but the white space between its parts.
 * Returns undefined for what is no JSON.
 */
export function layout(text: string): Token[] | undefined {
  try {
    JSON.parse(text); // whether it is JSON; what it returns is not used
  } catch {
    return undefined;
  }
  const out: Token[] = [];
  let depth = 0;
  const line = () => out.push({ kind: 'gap', text: '\n' + '  '.repeat(Math.min(depth, 40)) });
  for (const match of text.matchAll(tokens)) {
    const part = match[0];
    if (/^\s/.test(part)) continue;
    const before = out.at(-1)?.text;
    if (part === '}' || part === ']') {
      depth--;
      if (before !== '{' && before !== '[') line();
    } else if (before === '{' || before === '[') line();
    if (part === ':') {
      const key = out.at(-1);
      if (key) key.kind = 'key';
      out.push({ kind: 'mark', text: ':' }, { kind: 'gap', text: ' ' });
      continue;
    }
    out.push({ kind: kindOf(part), text: part });
    if (part === '{' || part === '[') depth++;
    if (part === ',') line();
  }
  return out;
}

function kindOf(part: string): Token['kind'] {
  if (part.startsWith('"')) return 'text';
  if (/^[{}[\],]/.test(part)) return 'mark';
  return /^[-\d]/.test(part) ? 'number' : 'word';
}
