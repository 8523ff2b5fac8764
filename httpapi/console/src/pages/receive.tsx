// How to receive and verify deliveries, in four languages.
import { useState } from 'preact/hooks';
import { Copy, Head, Panel } from '../ui/parts';
import go from '../snippets/go.txt?raw';
import node from '../snippets/node.js?raw';
import php from '../snippets/php.php?raw';
import python from '../snippets/python.py?raw';

const languages: [string, string, string][] = [
  ['Go', go, 'With the package webhook/signing of Astrohook, which imports the standard library only.'],
  ['Node', node, 'With the package standardwebhooks: npm install standardwebhooks.'],
  ['Python', python, 'With the standard library only.'],
  ['PHP', php, 'With what PHP 8 has built in.'],
];

export function ReceivePage() {
  const [at, setAt] = useState(0);
  const [name, text, note] = languages[at] ?? languages[0]!;
  return (
    <>
      <Head title="Receive deliveries" note="Each delivery is a signed POST with a JSON body." />
      <Panel title="Four rules">
        <ol class="rules">
          <li><b>Verify before you read.</b> Compute the signature over the raw bytes of the body, compare in constant time, and refuse a timestamp more than five minutes away.</li>
          <li><b>Store, then answer.</b> Write the delivery to a table or a queue, answer with a 2xx, and do the work afterwards.</li>
          <li><b>Remember ids.</b> A delivery can arrive twice. Give the table a unique key on <code>webhook-id</code>, and answer a repetition with a 2xx as well.</li>
          <li><b>Answer honestly.</b> Anything other than a 2xx means that you did not take the delivery.</li>
        </ol>
      </Panel>
      <Panel title="A receiver" actions={<Copy text={text} />}>
        <div class="tabs" role="group" aria-label="Language">
          {languages.map(([l], i) => <button key={l} type="button" aria-pressed={i === at} onClick={() => setAt(i)}>{l}</button>)}
        </div>
        <p class="dim">{note} The secret stands in the variable WEBHOOK_SECRET.</p>
        <pre class="code" tabIndex={0} role="region" aria-label={`A receiver in ${name}`} data-snippet={name}>{text}</pre>
      </Panel>
    </>
  );
}
