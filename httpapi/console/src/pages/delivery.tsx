// One delivery: its attempts in order, and for each what was sent and what came back.
import { useState } from 'preact/hooks';
import { call, post } from '../api';
import { useNow, useReading } from '../data';
import { ago, duration } from '../format';
import { exact } from '../json';
import { useRights } from '../session';
import type { Attempt, Delivery } from '../types';
import { Action, useAction } from '../ui/dialog';
import { useKeys } from '../ui/keys';
import { Badge, Copy, Exactly, Facts, Head, Link, Loading, Panel, ProblemNote } from '../ui/parts';
import { Payload } from '../ui/payload';
import { Exchange } from './exchange';

export function DeliveryPage({ id }: { id: string }) {
  const path = 'api/deliveries/' + encodeURIComponent(id);
  const rights = useRights();
  const now = useNow();
  const [every, setEvery] = useState(2000);
  const reading = useReading<Delivery>(path, {}, every);
  const action = useAction();
  const [cancelling, setCancelling] = useState(false);
  const [chosen, choose] = useState<number>();
  const d = reading.answer?.data;
  const log = d?.attempt_log ?? [];
  const pending = d !== undefined && ['queued', 'processing', 'retrying'].includes(d.status);
  const wanted = pending ? 1500 : 10_000;
  if (every !== wanted && d) setEvery(wanted);
  const redeliver = async () => {
    if (rights.change && (await action.run(() => post(path + '/retry')))) {
      choose(undefined);
      reading.reload();
    }
  };
  const at = chosen ?? log.at(-1)?.number;
  const step = (by: number) => {
    const i = log.findIndex((a) => a.number === at) + by;
    if (log[i]) choose(log[i].number);
  };
  useKeys([
    { keys: 'r', does: 'redeliver', run: () => void redeliver() },
    { keys: 'c', does: 'copy as curl', run: () => document.querySelector<HTMLElement>('[data-copy=curl]')?.click() },
    { keys: 'j', does: 'next attempt', run: () => step(1) },
    { keys: 'k', does: 'previous attempt', run: () => step(-1) },
  ]);
  if (!d) return reading.problem ? <ProblemNote problem={reading.problem} retry={reading.reload} /> : <Loading />;
  const attempt = log.find((a) => a.number === at);
  return (
    <>
      <Head title={<span class="mono break">{d.event_type}</span>} note={<><span class="mono">{d.id}</span> <Copy text={d.id} label="Copy id" /></>}>
        <Badge is={d.status} />
        {rights.change && <button type="button" class="primary" disabled={action.busy} onClick={() => void redeliver()}>Redeliver</button>}
        {rights.change && pending && <button type="button" class="danger-quiet" onClick={() => setCancelling(true)}>Cancel</button>}
      </Head>
      <ProblemNote problem={action.problem} />
      <ProblemNote problem={reading.problem} />
      <Panel label="State">
        <Facts rows={[
          ['Webhook', <Link to={'webhooks/' + d.webhook_id} class="mono">{d.webhook_id}</Link>],
          ['Event', <Link to={'events/' + d.event_id} class="mono">{d.event_id}</Link>],
          ['Accepted', <Exactly time={d.queued_at} />],
          ['Delivered', d.delivered_at && <Exactly time={d.delivered_at} />],
          ['Failed', d.failed_at && <Exactly time={d.failed_at} />],
          ['Cancelled', d.cancelled_at && <Exactly time={d.cancelled_at} />],
          ['Reason', d.reason && <><code>{d.reason}</code> {d.error_message}</>],
          ['Waits for', d.waiting_for && <>{d.waiting_for.replace('_', ' ')}{d.until && <span class="dim"> · {ago(d.until, now)}</span>}</>],
          ['Next attempt', d.next_attempt_at && due(d.next_attempt_at, now)],
        ]} />
      </Panel>
      <Panel title={`Attempts (${d.attempts})`}>
        {log.length === 0
          ? <p class="dim">None yet{d.waiting_for ? `: it waits for ${d.waiting_for.replace('_', ' ')}.` : '.'}</p>
          : <Timeline log={log} at={at} choose={choose} />}
        {attempt && <Exchange attempt={attempt} delivery={d} />}
      </Panel>
      <Panel title="Data of the event">
        <PayloadOf text={reading.answer?.text ?? ''} />
      </Panel>
      {cancelling && (
        <Action title="Cancel the delivery" verb="Cancel it" danger close={() => setCancelling(false)} act={async () => { await call('DELETE', path); reading.reload(); }}>
          <p>It is not sent any more, and listed as cancelled. It can be redelivered later.</p>
        </Action>
      )}
    </>
  );
}

/** When an attempt comes, or for how long it has been due. */
const due = (time: string, now: number) => (Date.parse(time) < now ? 'due for ' + ago(time, now).replace(' ago', '') : ago(time, now));

function PayloadOf({ text }: { text: string }) {
  const payload = exact(text, 'payload');
  return payload === undefined ? <p class="dim">It is not kept any more.</p> : <Payload text={payload} label="Payload" />;
}

/** The attempts as bars on one line of time: where they began, how long they took, how they ended. */
function Timeline({ log, at, choose }: { log: Attempt[]; at: number | undefined; choose: (n: number) => void }) {
  return (
    <ol class="timeline" aria-label="Attempts">
      {log.map((a, i) => {
        const good = a.response_code !== undefined && a.response_code >= 200 && a.response_code < 300;
        const before = log[i - 1];
        const wait = before && Date.parse(a.started_at) - Date.parse(before.started_at) - before.duration_ms;
        return (
          <li key={a.number} class={good ? 'good' : 'bad'}>
            {wait !== undefined && <span class="wait">{duration(Math.max(0, wait))} later</span>}
            <button type="button" aria-pressed={a.number === at} onClick={() => choose(a.number)}>
              <b>{a.number}</b> <span>{a.response_code ?? a.reason ?? 'no answer'}</span> <span class="dim">{duration(a.duration_ms)}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
