// Deliveries: every filter stands in the address, so that a list can be sent to a colleague.
import { useState } from 'preact/hooks';
import { call, has, post, Problem, type Query } from '../api';
import { useListing, useNow } from '../data';
import { count, plural } from '../format';
import { useRights } from '../session';
import type { Delivery, JobAction, JobFilter } from '../types';
import { Action } from '../ui/dialog';
import { ChoiceFilter, TextFilter } from '../ui/form';
import { Age, Badge, Empty, Head, Link } from '../ui/parts';
import { Table, type Column } from '../ui/table';
import { StartJob } from './job_start';

const filters = ['status', 'event_type', 'webhook_id', 'reason', 'code', 'min_attempts', 'since', 'until', 'client_id'];

export function DeliveriesPage({ query }: { query: URLSearchParams }) {
  const rights = useRights();
  const now = useNow(2000);
  const [ids, setIDs] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<'retry' | 'cancel'>();
  const [job, setJob] = useState<JobAction>();
  const wanted = Object.fromEntries(filters.map((name) => [name, query.get(name) ?? undefined]));
  const webhook = query.get('webhook_id');
  const list = useListing<Delivery>(...source(webhook, wanted), 3000);
  const selected = [...ids].filter((id) => list.rows?.some((d) => d.id === id));
  const narrowed = Object.values(wanted).some((v) => v !== undefined);
  return (
    <>
      <Head title="Deliveries">
        {rights.change && selected.length > 0 && (
          <>
            <span class="dim">{count(selected.length)} selected</span>
            <button type="button" onClick={() => setDialog('retry')}>Redeliver</button>
            <button type="button" class="danger-quiet" onClick={() => setDialog('cancel')}>Cancel</button>
          </>
        )}
        {rights.change && selected.length === 0 && webhook && has('post /api/jobs') && (
          <>
            <button type="button" onClick={() => setJob(jobFor(query))}>Redeliver all</button>
            <button type="button" class="danger-quiet" onClick={() => setJob('cancel')}>Cancel all pending</button>
          </>
        )}
      </Head>
      <form class="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        <ChoiceFilter name="status" label="Status" query={query} options={['queued', 'processing', 'retrying', 'delivered', 'failed', 'cancelled']} />
        <TextFilter name="event_type" label="Event type" query={query} placeholder="user.created" />
        <TextFilter name="webhook_id" label="Webhook" query={query} placeholder="wh_…" />
        <TextFilter name="reason" label="Reason" query={query} placeholder="http_5xx" />
        <TextFilter name="code" label="Last answer" query={query} placeholder="404, 5xx, none" />
        <TextFilter name="min_attempts" label="Attempts from" query={query} placeholder="1" />
        <TextFilter name="since" label="Since" query={query} placeholder="1h, or a time" />
        <TextFilter name="until" label="Until" query={query} placeholder="10m, or a time" />
        {rights.admin && <TextFilter name="client_id" label="Client" query={query} />}
      </form>
      {rights.change && !webhook && narrowed && has('post /api/jobs') && <p class="hint dim">To act on all deliveries that match, name their webhook, too.</p>}
      <Table label="Deliveries" list={list} id={(d) => d.id} open={(d) => 'deliveries/' + d.id} columns={deliveryColumns(now, true)}
        selection={rights.change ? { ids, set: setIDs } : undefined}
        empty={narrowed
          ? <Empty title="No delivery is like that"><p><Link to="deliveries">Show all deliveries</Link></p></Empty>
          : <Empty title="No deliveries yet"><p>A delivery is one event owed to one webhook. <Link to="webhooks">Register a webhook</Link>, then publish an event of a type that it asks for.</p></Empty>} />
      {job && webhook && <StartJob webhook={webhook} action={job} filter={filterOf(query, job)} close={() => setJob(undefined)} />}
      {dialog && <Bulk verb={dialog} ids={selected} close={() => setDialog(undefined)} done={() => { setIDs(new Set()); list.reload(); }} />}
    </>
  );
}

/** The list of a webhook has a path of its own where the list of all has no filter for it. */
function source(webhook: string | null, wanted: Query): [string, Query] {
  if (webhook === null || has('get /api/deliveries?webhook_id')) return ['api/deliveries', wanted];
  return [`api/webhooks/${encodeURIComponent(webhook)}/deliveries`, { ...wanted, webhook_id: undefined }];
}

const finished = ['delivered', 'failed', 'cancelled'];

/** Which job sends again what the list shows: a retry of what waits, a replay of what is finished. */
const jobFor = (query: URLSearchParams): JobAction => (finished.includes(query.get('status') ?? 'failed') ? 'replay' : 'retry');

/** The filters of the page as a job has them; a cancellation is about what is pending. */
function filterOf(query: URLSearchParams, job: JobAction): JobFilter {
  const has = (name: string) => query.get(name) ?? undefined;
  const status = has('status');
  const attempts = has('min_attempts');
  const type = has('event_type');
  const filter: JobFilter = {};
  if (status !== undefined && finished.includes(status) === (job === 'replay')) filter.status = [status];
  if (type !== undefined) filter.event_types = [type];
  if (attempts !== undefined) filter.min_attempts = Number(attempts);
  for (const name of ['reason', 'code', 'since', 'until'] as const) {
    const value = has(name);
    if (value !== undefined) filter[name] = value;
  }
  return filter;
}

export function deliveryColumns(now: number, webhook: boolean): Column<Delivery>[] {
  return [
    { name: 'Event type', show: (d) => <span class="two"><span class="mono break">{d.event_type}</span><small class="mono">{d.id}</small></span> },
    { name: 'Status', show: (d) => <Badge is={d.status} /> },
    { name: 'Why', from: 'mid', show: (d) => <Why d={d} /> },
    ...(webhook ? [{ name: 'Webhook', from: 'wide', show: (d: Delivery) => <Link to={'webhooks/' + d.webhook_id} class="mono">{d.webhook_id}</Link> } satisfies Column<Delivery>] : []),
    { name: 'Attempts', from: 'mid', right: true, show: (d) => d.attempts },
    { name: 'Accepted', right: true, show: (d) => <Age time={d.queued_at} now={now} /> },
  ];
}

function Why({ d }: { d: Delivery }) {
  if (d.status === 'delivered') return <span class="dim">{d.response_code}</span>;
  return (
    <span>
      {d.reason && <code>{d.reason}</code>} {d.response_code || ''}
      {d.waiting_for && <span class="dim"> waits for {d.waiting_for.replace('_', ' ')}</span>}
    </span>
  );
}

/** Retries or cancels chosen deliveries one after the other, and counts those that could not be. */
function Bulk({ verb, ids, close, done }: { verb: 'retry' | 'cancel'; ids: string[]; close: () => void; done: () => void }) {
  const [at, setAt] = useState(0);
  const [refused, setRefused] = useState(0);
  const act = async () => {
    let conflicts = refused;
    for (const [i, id] of ids.entries()) {
      if (i < at) continue;
      try {
        await (verb === 'retry' ? post(`api/deliveries/${id}/retry`) : call('DELETE', 'api/deliveries/' + id));
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 409) throw error;
        setRefused(++conflicts);
      }
      setAt(i + 1);
    }
    if (conflicts === 0) close();
    done();
  };
  return (
    <Action title={`${verb === 'retry' ? 'Redeliver' : 'Cancel'} ${plural(ids.length, 'delivery', 'deliveries')}`} verb={verb === 'retry' ? 'Redeliver' : 'Cancel them'}
      danger={verb === 'cancel'} act={act} close={close} stay disabled={at === ids.length}>
      <p>{verb === 'retry' ? 'Each is sent again now, also those that were delivered.' : 'Those that wait are not sent. What is in flight or finished stays as it is.'}</p>
      {at > 0 && <progress max={ids.length} value={at} aria-label="Progress" />}
      {refused > 0 && <p role="status">{plural(refused, 'delivery', 'deliveries')} could not be: finished, in flight, or of a webhook that is disabled or deleted.</p>}
    </Action>
  );
}
