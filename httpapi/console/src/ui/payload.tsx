// Bodies as they are: as text, never as markup. What is shown as "exact" has the same characters as
// the text that the server sent; "laid out" differs in the white space between values only.
import { useMemo, useState } from 'preact/hooks';
import { bytes } from '../format';
import { layout, type Token } from '../json';
import { Copy } from './parts';

// More parts than these are shown in one colour: tens of thousands of elements make a page slow.
const coloured = 4000;

export function Payload({ text, label, note }: { text: string; label: string; note?: string }) {
  const tokens = useMemo(() => layout(text), [text]);
  const [exactly, setExactly] = useState(false);
  const size = useMemo(() => new TextEncoder().encode(text).length, [text]);
  const plain = exactly || !tokens;
  // Kept from one drawing of the page to the next, so that a long body is not compared again.
  const body = useMemo(() => (
    <pre tabIndex={0} role="region" aria-label={label} data-payload={plain ? 'exact' : 'laid out'} class={plain ? 'exact' : undefined}>
      {plain ? text : shown(tokens)}
    </pre>
  ), [text, label, plain, tokens]);
  return (
    <div class="payload">
      <div class="payload-head">
        <span class="dim">{bytes(size)}{note && ` · ${note}`}</span>
        <span class="actions">
          {tokens && <button type="button" class="quiet" aria-pressed={exactly} onClick={() => setExactly(!exactly)}>{exactly ? 'Lay out' : 'Exact'}</button>}
          <Copy text={text} />
        </span>
      </div>
      {body}
    </div>
  );
}

function shown(tokens: Token[]) {
  if (tokens.length > coloured) return tokens.map((t) => t.text).join('');
  // Each value is isolated, so that text from right to left changes no order outside of it.
  return tokens.map((t, i) => (t.kind === 'mark' || t.kind === 'gap' ? t.text : <bdi key={i} class={'j-' + t.kind}>{t.text}</bdi>));
}
