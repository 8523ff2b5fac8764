// Jobs: changes of many deliveries, and how far they have come.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { post, type Answer } from '../api';
import { useListing, useNow, useReading } from '../data';
import { ago, count, duration, percent } from '../format';
import { useRights } from '../session';
import type { Job } from '../types';
import { Action, useAction } from '../ui/dialog';
import { ChoiceFilter, TextFilter } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Age, Badge, Empty, Exactly, Facts, Head, Link, Loading, Panel, ProblemNote } from '../ui/parts';
import { Table, type Column } from '../ui/table';
import { actions } from './job_start';

export function JobsPage({ query }: { query: URLSearchParams }) {
  const rights = useRights();
  const wanted = { status: query.get('status') ?? undefined, webhook_id: query.get('webhook_id') ?? undefined, client_id: query.get('client_id') ?? undefined };
  const list = useListing<Job>('api/jobs', wanted, 2000);
  return (
    <>
      <Head title="Jobs" note="Changes of many deliveries of one webhook." />
      <form class="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        <ChoiceFilter name="status" label="Status" query={query} options={['running', 'paused', 'done', 'cancelled', 'failed']} />
        <TextFilter name="webhook_id" label="Webhook" query={query} placeholder="wh_…" />
        {rights.admin && <TextFilter name="client_id" label="Client" query={query} />}
      </form>
      <JobTable list={list} webhook empty={<Empty title="No jobs"><p>Filter <Link to="deliveries">deliveries</Link> by a webhook and act on all of them at once: that is a job, counted before it runs.</p></Empty>} />
    </>
  );
}

export function JobTable({ list, webhook, empty }: { list: ReturnType<typeof useListing<Job>>; webhook: boolean; empty: ComponentChildren }) {
  const now = useNow(2000);
  const columns: Column<Job>[] = [
    { name: 'Job', show: (j) => <span class="two"><span>{actions[j.action].name}</span><small class="mono">{j.id}</small></span> },
    { name: 'Status', show: (j) => <Badge is={j.status} /> },
    { name: 'Progress', show: (j) => <Progress job={j} /> },
    ...(webhook ? [{ name: 'Webhook', from: 'wide', show: (j: Job) => <Link to={'webhooks/' + j.webhook_id} class="mono">{j.webhook_id}</Link> } satisfies Column<Job>] : []),
    { name: 'By', from: 'wide', show: (j) => <span class="mono">{j.created_by}</span> },
    { name: 'Begun', from: 'mid', right: true, show: (j) => <Age time={j.created_at} now={now} /> },
  ];
  return <Table label="Jobs" list={list} id={(j) => j.id} open={(j) => 'jobs/' + j.id} columns={columns} empty={empty} />;
}

function Progress({ job: j }: { job: Job }) {
  if (j.total === undefined) return <span>{count(j.done)} done</span>;
  return (
    <span class="two">
      <span>{count(j.done)} of {count(j.total)}</span>
      {(j.status === 'running' || j.status === 'paused') && <progress max={Math.max(j.total, 1)} value={j.done} aria-label="Progress" />}
    </span>
  );
}

export function JobPage({ id }: { id: string }) {
  const path = 'api/jobs/' + encodeURIComponent(id);
  const rights = useRights();
  const now = useNow();
  const [every, setEvery] = useState(1000);
  const reading = useReading<Job>(path, {}, every);
  const action = useAction();
  const [cancelling, setCancelling] = useState(false);
  const j = reading.answer?.data;
  const over = j !== undefined && j.finished_at !== undefined;
  if (over && every !== 0) setEvery(0);
  const act = (verb: string) => action.run(async () => reading.set(await post<Job>(`${path}/${verb}`) as Answer<Job>));
  useKeys([{ keys: 'p', does: 'pause or continue', run: () => { if (rights.change && j && !over) void act(j.status === 'paused' ? 'resume' : 'pause'); } }]);
  if (!j) return reading.problem ? <ProblemNote problem={reading.problem} retry={reading.reload} /> : <Loading />;
  const f = j.filter;
  return (
    <>
      <Head title={actions[j.action].name} note={<span class="mono">{j.id}</span>}>
        <Badge is={j.status} />
        {rights.change && !over && (
          <>
            <button type="button" disabled={action.busy} onClick={() => void act(j.status === 'paused' ? 'resume' : 'pause')}>{j.status === 'paused' ? 'Continue' : 'Pause'}</button>
            <button type="button" class="danger-quiet" onClick={() => setCancelling(true)}>End it</button>
          </>
        )}
      </Head>
      <ProblemNote problem={action.problem} />
      <ProblemNote problem={reading.problem} />
      {j.error && <p class={'notice' + (j.status === 'failed' ? ' bad' : '')}>{j.error}</p>}
      <Panel label="Progress">
        {j.total !== undefined && <progress max={Math.max(j.total, 1)} value={over && j.status === 'done' ? Math.max(j.total, 1) : j.done} aria-label="Progress" />}
        <Facts rows={[
          ['Changed', j.total === undefined ? count(j.done) : `${count(j.done)} of ${count(j.total)}${j.total > 0 ? ` (${percent(Math.min(1, j.done / j.total))})` : ''}`],
          ['Looked at', count(j.looked_at)],
          ['At most', j.rate_per_second && `${count(j.rate_per_second)} a second`],
          ['Begun', <><Exactly time={j.created_at} /> by <span class="mono">{j.created_by}</span></>],
          ['Finished', j.finished_at && <><Exactly time={j.finished_at} /> <span class="dim">after {duration(Date.parse(j.finished_at) - Date.parse(j.created_at))}</span></>],
          ['Runs for', over ? undefined : ago(j.created_at, now).replace(' ago', '')],
        ]} />
      </Panel>
      <Panel title="What it is about">
        <Facts rows={[
          ['Webhook', <Link to={'webhooks/' + j.webhook_id} class="mono">{j.webhook_id}</Link>],
          ['Client', rights.admin ? j.client_id : undefined],
          ['Status', f.status?.join(', ')],
          ['Event types', f.event_types?.join(', ')],
          ['Reason', f.reason],
          ['Code', f.code],
          ['Attempts', f.min_attempts && `at least ${f.min_attempts}`],
          ['Since', f.since && <Exactly time={f.since} />],
          ['Until', f.until && <Exactly time={f.until} />],
        ]} />
      </Panel>
      {cancelling && (
        <Action title="End the job" verb="End it" danger close={() => setCancelling(false)} act={() => post(path + '/cancel').then(reading.reload)}>
          <p>What it has changed stays as it is.</p>
        </Action>
      )}
    </>
  );
}
