// The live tail: what happens now, from the stream of the server, and paused at will.
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, get, Problem } from '../api';
import { count, duration, plural } from '../format';
import { useRights } from '../session';
import { ChoiceFilter, TextFilter } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Badge, Empty, Head, Link } from '../ui/parts';

const kinds = ['attempt', 'delivery', 'breaker', 'webhook'] as const;
type Kind = (typeof kinds)[number];

interface Message {
  key: number;
  kind: Kind;
  at: string;
  webhook_id: string;
  client_id?: string;
  delivery_id?: string;
  event_type?: string;
  number?: number;
  attempts?: number;
  status?: string;
  state?: string;
  change?: string;
  code?: number;
  reason?: string;
  duration_ms?: number;
}

const kept = 500;

export function LivePage({ query }: { query: URLSearchParams }) {
  const rights = useRights();
  const [rows, setRows] = useState<Message[]>([]);
  const [paused, setPaused] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const [lost, setLost] = useState(0);
  const [state, setState] = useState<'connecting' | 'live' | 'away' | 'refused'>('connecting');
  const [round, setRound] = useState(0);
  const hidden = useRef<Message[]>([]);
  const stopped = useRef(false);
  stopped.current = paused;
  const wanted = Object.fromEntries(['kind', 'webhook_id', 'event_type', 'status', 'client_id'].map((n) => [n, query.get(n) ?? undefined]));
  const target = address('api/stream', wanted);
  useEffect(() => {
    let next = 0;
    // Messages of one moment are drawn together: a busy server sends thousands a second.
    let arrived: Message[] = [];
    let timer = 0;
    const flush = () => {
      timer = 0;
      const batch = arrived.reverse();
      arrived = [];
      if (stopped.current) {
        hidden.current = [...batch, ...hidden.current].slice(0, kept);
        setWaiting((n) => n + batch.length);
      } else setRows((old) => [...batch, ...old].slice(0, kept));
    };
    const source = new EventSource(target);
    source.onopen = () => setState('live');
    // A browser connects again by itself, but not after an answer other than 200: a webhook that is not
    // there, a server that stops, a session that has ended. The last leads to signing in.
    let again = 0;
    source.onerror = () => {
      const refused = source.readyState === EventSource.CLOSED;
      setState(refused ? 'refused' : 'away');
      if (!refused) return;
      again = window.setTimeout(() => setRound((n) => n + 1), 3000);
      get('api/session').catch((error: unknown) => { if (!(error instanceof Problem)) throw error; });
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        arrived.push({ ...(JSON.parse(event.data as string) as Omit<Message, 'key' | 'kind'>), kind, key: next++ });
        if (arrived.length > kept) arrived.shift();
        if (timer === 0) timer = window.setTimeout(flush, 100);
      });
    }
    source.addEventListener('lost', (event) => setLost((n) => n + (JSON.parse(event.data as string) as { lost: number }).lost));
    return () => {
      source.close();
      clearTimeout(timer);
      clearTimeout(again);
    };
  }, [target, round]);
  const toggle = () => {
    if (paused) {
      const missed = hidden.current;
      hidden.current = [];
      setRows((old) => [...missed, ...old].slice(0, kept));
      setWaiting(0);
    }
    setPaused(!paused);
  };
  useKeys([{ keys: 'p', does: 'pause or continue', run: toggle }]);
  return (
    <>
      <Head title="Live" note={<span role="status">{paused ? `Paused; ${plural(waiting, 'new message')}` : state === 'live' ? 'Connected' : state === 'away' ? 'Not connected; trying again' : state === 'refused' ? 'Refused; trying again. Is there such a webhook?' : 'Connecting…'}{lost > 0 && ` · ${count(lost)} lost: more happened than this page could take`}</span>}>
        <button type="button" class={paused ? 'primary' : undefined} onClick={toggle}>{paused ? 'Continue' : 'Pause'}</button>
        <button type="button" onClick={() => setRows([])}>Clear</button>
      </Head>
      <form class="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        <ChoiceFilter name="kind" label="What" query={query} options={[['attempt', 'attempts'], ['delivery', 'finished deliveries'], ['breaker', 'circuit breakers'], ['webhook', 'changes of webhooks']]} />
        <ChoiceFilter name="status" label="Status" query={query} options={['delivered', 'failed']} />
        <TextFilter name="event_type" label="Event type" query={query} placeholder="user.created" />
        <TextFilter name="webhook_id" label="Webhook" query={query} placeholder="wh_…" />
        {rights.admin && <TextFilter name="client_id" label="Client" query={query} />}
      </form>
      {rows.length === 0
        ? <Empty title="Nothing has happened since this page was opened"><p>Attempts, finished deliveries, circuit breakers and changes of webhooks appear here as they happen.</p></Empty>
        : <div class="table"><table aria-label="Live"><tbody>{rows.map((m) => <Row key={m.key} m={m} />)}</tbody></table></div>}
    </>
  );
}

function Row({ m }: { m: Message }) {
  const word = m.status ?? m.state ?? '';
  return (
    <tr data-row={m.key}>
      <td class="mono dim">{m.at.slice(11, 23)}</td>
      <td class="from-mid">{m.kind}{m.kind === 'attempt' && ` ${m.number}`}</td>
      <td>{word && <Badge is={word} />}{m.change && <> {m.change}</>}</td>
      <td>
        {m.delivery_id
          ? <Link to={'deliveries/' + m.delivery_id} class="mono" opens>{m.event_type}</Link>
          : <Link to={'webhooks/' + m.webhook_id} class="mono" opens>{m.webhook_id}</Link>}
      </td>
      <td class="from-mid">{m.code || ''} {m.reason && <code>{m.reason}</code>}</td>
      <td class="right from-mid">{m.duration_ms === undefined ? '' : duration(m.duration_ms)}</td>
      <td class="from-wide mono">{m.client_id}</td>
    </tr>
  );
}
