// One webhook: how it is doing, its settings and secrets, and what it was sent.
import { useState } from 'preact/hooks';
import { call, has, post } from '../api';
import { useListing, useNow, useReading } from '../data';
import { ago, count, duration, percent } from '../format';
import { go } from '../router';
import { useRights } from '../session';
import type { Delivery, Health, Job, Webhook } from '../types';
import { Action, useAction } from '../ui/dialog';
import { useKeys } from '../ui/keys';
import { Badge, Copy, Empty, Exactly, Facts, Head, Link, Loading, Panel, ProblemNote } from '../ui/parts';
import { Table } from '../ui/table';
import { deliveryColumns } from './deliveries';
import { StartJob } from './job_start';
import { JobTable } from './jobs';
import { Rotate } from './secrets';
import { TestSend } from './test_send';
import { WebhookForm } from './webhook_form';

type Open = 'settings' | 'test' | 'rotate' | 'delete' | 'end-rotation' | 'job';

export function WebhookPage({ id }: { id: string; query: URLSearchParams }) {
  const path = 'api/webhooks/' + encodeURIComponent(id);
  const rights = useRights();
  const webhook = useReading<Webhook>(path, {}, 10_000);
  const health = useReading<Health>(path + '/health', {}, 2000);
  const [open, setOpen] = useState<Open>();
  const action = useAction();
  const close = () => setOpen(undefined);
  const w = webhook.answer?.data;
  const toggle = async (verb: 'pause' | 'resume') => {
    if (await action.run(async () => webhook.set(await post<Webhook>(`${path}/${verb}`)))) health.reload();
  };
  const mayChange = rights.change && w !== undefined;
  useKeys([
    { keys: 't', does: 'send a test', run: () => { if (mayChange) setOpen('test'); } },
    { keys: 'e', does: 'edit the settings', run: () => { if (mayChange) setOpen('settings'); } },
    { keys: 'd', does: 'its deliveries', run: () => go('deliveries?webhook_id=' + id) },
  ]);
  if (!w) return webhook.problem ? <ProblemNote problem={webhook.problem} retry={webhook.reload} /> : <Loading />;
  const waits = health.answer && health.answer.data.waiting_for;
  return (
    <>
      <Head title={<span class="break">{w.target_url}</span>} note={<><span class="mono">{w.id}</span> <Copy text={w.id} label="Copy id" />{rights.admin && <> · client {w.client_id}</>}{w.description && ` · ${w.description}`}</>}>
        <Badge is={w.status} />
        {rights.change && (
          <>
            <button type="button" class="primary" onClick={() => setOpen('test')}>Send a test</button>
            {w.status === 'active' && <button type="button" disabled={action.busy} onClick={() => void toggle('pause')}>Pause</button>}
            {(w.status !== 'active' || waits === 'breaker' || waits === 'hold') && <button type="button" disabled={action.busy} onClick={() => void toggle('resume')}>Resume</button>}
            <button type="button" onClick={() => setOpen('settings')}>Settings</button>
          </>
        )}
      </Head>
      <ProblemNote problem={action.problem} />
      {w.status === 'disabled' && <p class="notice bad">Disabled{w.disabled_reason && `: ${w.disabled_reason}`}. New events for it are listed as failed. Resume it when the receiver works.</p>}
      <div class="columns">
        <HealthPanel reading={health} />
        <SettingsPanel w={w} change={rights.change} open={setOpen} />
      </div>
      <Recent id={id} />
      {has('get /api/jobs') && <Jobs id={id} start={rights.change ? () => setOpen('job') : undefined} />}
      {open === 'settings' && <WebhookForm webhook={w} close={close} done={() => { webhook.reload(); health.reload(); }} />}
      {open === 'job' && <StartJob webhook={id} action="retry" filter={{}} ask close={close} />}
      {open === 'test' && <TestSend webhook={w} close={close} />}
      {open === 'rotate' && <Rotate webhook={w} close={() => { close(); webhook.reload(); }} />}
      {open === 'end-rotation' && (
        <Action title="End the overlap" verb="End it now" danger close={close} act={async () => webhook.set(await post<Webhook>(path + '/end-rotation'))}>
          <p>Only the newest secret signs from then on. Do this when the receiver has changed to it.</p>
        </Action>
      )}
      {open === 'delete' && (
        <Action title="Delete the webhook" verb="Delete" danger close={close} act={async () => { await call('DELETE', path); go('webhooks'); }}>
          <p>Pending deliveries are cancelled. All deliveries stay listed until they expire.</p>
        </Action>
      )}
    </>
  );
}

function HealthPanel({ reading }: { reading: ReturnType<typeof useReading<Health>> }) {
  const now = useNow();
  const h = reading.answer?.data;
  if (!h) return <Panel title="Health">{reading.problem ? <ProblemNote problem={reading.problem} /> : <Loading />}</Panel>;
  const hour = h.last_hour;
  const error = h.last_error;
  return (
    <Panel title="Health">
      <ProblemNote problem={reading.problem} />
      {h.owner === 'unreachable' && <p class="notice bad">The node that delivers to it did not answer; this is what is stored.</p>}
      <Facts rows={[
        ['Waits for', h.waiting_for && <>{h.waiting_for.replace('_', ' ')}{h.until && <span class="dim"> · {ago(h.until, now)}</span>}</>],
        ['Circuit breaker', <><Badge is={h.circuit_breaker.state} />{h.circuit_breaker.open_until && <span class="dim"> · next try {ago(h.circuit_breaker.open_until, now)}</span>}</>],
        ['Pending', `${count(h.queued)} queued, ${count(h.retrying)} retrying`],
        ['Oldest pending', h.queued + h.retrying > 0 ? duration(h.oldest_pending_age_ms) : undefined],
        ['In flight', `${count(h.in_flight)} of ${count(h.in_flight_allowed)}`],
        ['Last hour', `${count(hour.successes)} succeeded, ${count(hour.failures)} failed${typeof hour.success_ratio === 'number' ? `: ${percent(hour.success_ratio)}` : ''}`],
        ['Latency', hour.successes > 0 ? `${duration(hour.latency_p50_ms)} median, ${duration(hour.latency_p95_ms)} p95, ${duration(hour.latency_p99_ms)} p99` : undefined],
        ['Last success', h.last_success_at && ago(h.last_success_at, now)],
        ['Last failure', h.last_failure_at && <>{ago(h.last_failure_at, now)}{error && <>: <code>{error.reason}</code> <span class="break">{error.message}</span>{error.response_code ? ` (${error.response_code})` : ''}</>}</>],
      ]} />
    </Panel>
  );
}

function SettingsPanel({ w, change, open }: { w: Webhook; change: boolean; open: (o: Open) => void }) {
  const retry = w.retry_policy;
  const overlap = w.previous_secret_expires_at;
  return (
    <Panel title="Settings" actions={change && <>
      {overlap && <button type="button" onClick={() => open('end-rotation')}>End the overlap</button>}
      <button type="button" onClick={() => open('rotate')}>Rotate the secret</button>
      <button type="button" class="danger-quiet" onClick={() => open('delete')}>Delete</button>
    </>}>
      <Facts rows={[
        ['Event types', <span class="mono break">{w.event_types.join(', ')}</span>],
        ['Signed with', w.signature_scheme === 'v1a' ? 'a private key of the server (v1a)' : 'a secret (v1)'],
        ['Previous secret', overlap && <>signs until <Exactly time={overlap} /></>],
        ['Public keys', w.public_keys?.map((k) => <code key={k} class="break">{k}</code>)],
        ['Timeout', duration(w.timeout_ms)],
        ['At the same time', plural1(w.concurrency)],
        ['Rate limit', w.rate_limit ? `${w.rate_limit.per_second} a second, bursts of ${w.rate_limit.burst}` : 'none'],
        ['Retries', `${retry.max_attempts} attempts; first wait ${duration(retry.initial_delay_ms)}, then × ${retry.multiplier}, at most ${duration(retry.max_delay_ms)}`],
        ['Breaker', `opens after ${w.circuit_breaker.failures} failures for ${duration(w.circuit_breaker.open_ms)}`],
        ['Headers', w.header_names?.join(', ')],
        ['Lease ends', w.expires_at && <Exactly time={w.expires_at} />],
        ['Created', <Exactly time={w.created_at} />],
        ['Changed', w.updated_at !== w.created_at ? <Exactly time={w.updated_at} /> : undefined],
      ]} />
    </Panel>
  );
}

const plural1 = (n: number) => `${count(n)} attempts at most`;

function Recent({ id }: { id: string }) {
  const now = useNow(2000);
  const list = useListing<Delivery>(`api/webhooks/${encodeURIComponent(id)}/deliveries`, { limit: 20 }, 3000);
  return (
    <Panel title="Latest deliveries" actions={<Link to={'deliveries?webhook_id=' + id}>All, with filters</Link>}>
      <Table label="Latest deliveries" list={{ ...list, more: undefined }} id={(d) => d.id} open={(d) => 'deliveries/' + d.id} columns={deliveryColumns(now, false)}
        empty={<Empty title="Nothing was sent yet"><p>Press <kbd>t</kbd> to send a test, or publish an event of a type that it asks for.</p></Empty>} />
    </Panel>
  );
}

function Jobs({ id, start }: { id: string; start: (() => void) | undefined }) {
  const list = useListing<Job>('api/jobs', { webhook_id: id, limit: 5 }, 2000);
  return (
    <Panel title="Jobs" actions={<>{start && <button type="button" onClick={start}>New job</button>}<Link to={'jobs?webhook_id=' + id}>All</Link></>}>
      <JobTable list={{ ...list, more: undefined }} webhook={false} empty={<Empty title="No jobs"><p>A job retries, cancels, replays or backfills many deliveries at once, and counts them first.</p></Empty>} />
    </Panel>
  );
}
