// Webhooks: filtered and sorted in the address, paused and resumed by the dozen.
import { useState } from 'preact/hooks';
import { has, post, Problem } from '../api';
import { useListing, useNow } from '../data';
import { count, duration, percent, plural, shortURL } from '../format';
import { go } from '../router';
import { useRights } from '../session';
import type { Webhook } from '../types';
import { Action } from '../ui/dialog';
import { ChoiceFilter, TextFilter } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Age, Badge, Empty, Head } from '../ui/parts';
import { Table, type Column } from '../ui/table';
import { WebhookForm } from './webhook_form';

const filters = ['status', 'health', 'event_type', 'client_id', 'q', 'sort'] as const;

export function WebhooksPage({ query }: { query: URLSearchParams }) {
  const rights = useRights();
  const [ids, setIDs] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<'create' | 'pause' | 'resume'>();
  const wanted = Object.fromEntries(filters.map((name) => [name, query.get(name) ?? undefined]));
  const list = useListing<Webhook>('api/webhooks', wanted, 5000);
  useKeys([
    { keys: 'n', does: 'new webhook', run: () => { if (rights.change) setDialog('create'); } },
  ]);
  const narrowed = Object.values(wanted).some((v) => v !== undefined);
  const selected = [...ids].filter((id) => list.rows?.some((w) => w.id === id));
  const close = () => setDialog(undefined);
  return (
    <>
      <Head title="Webhooks">
        {rights.change && selected.length > 0 && (
          <>
            <span class="dim">{count(selected.length)} selected</span>
            <button type="button" onClick={() => setDialog('pause')}>Pause</button>
            <button type="button" onClick={() => setDialog('resume')}>Resume</button>
          </>
        )}
        {rights.change && <button type="button" class="primary" onClick={() => setDialog('create')}>New webhook</button>}
      </Head>
      <form class="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        <TextFilter name="q" label="Text" query={query} placeholder="URL or description" />
        <ChoiceFilter name="status" label="Status" query={query} options={['active', 'paused', 'disabled']} />
        <ChoiceFilter name="health" label="Health" query={query} options={['failing', 'slow', 'open', 'idle']} />
        <TextFilter name="event_type" label="Event type" query={query} placeholder="user.created" />
        {rights.admin && <TextFilter name="client_id" label="Client" query={query} />}
        <ChoiceFilter name="sort" label="Sort by" any="created" query={query} options={['backlog', ['age', 'oldest pending'], 'failures']} />
      </form>
      <Table label="Webhooks" list={list} id={(w) => w.id} open={(w) => 'webhooks/' + w.id} columns={columns(rights.admin)}
        selection={rights.change ? { ids, set: setIDs } : undefined}
        empty={narrowed
          ? <Empty title="No webhook is like that"><p><a href="webhooks">Show all webhooks</a></p></Empty>
          : <Empty title="No webhooks yet"><p>A webhook says where events go. {rights.change ? <>Press <kbd>n</kbd> to register the first one.</> : 'Somebody who may change things has to register one.'}</p></Empty>} />
      {dialog === 'create' && <WebhookForm close={close} done={(w) => go('webhooks/' + w.id)} />}
      {(dialog === 'pause' || dialog === 'resume') && (
        <Bulk verb={dialog} ids={selected} close={close} done={() => { setIDs(new Set()); list.reload(); }} />
      )}
    </>
  );
}

const healthColumns: Column<Webhook>[] = [
  { name: 'Pending', from: 'mid', right: true, show: (w) => (w.health ? count(w.health.pending) : '–') },
  { name: 'Oldest', from: 'wide', right: true, show: (w) => (w.health?.pending ? duration(w.health.oldest_pending_age_ms) : '–') },
  { name: 'Succeeded, 1 h', from: 'wide', right: true, show: (w) => (typeof w.health?.last_hour.success_ratio === 'number' ? percent(w.health.last_hour.success_ratio) : '–') },
];

function columns(admin: boolean): Column<Webhook>[] {
  const now = useNow(5000);
  return [
    { name: 'Target', show: (w) => <span class="two"><span class="break">{shortURL(w.target_url)}</span><small>{w.description || w.id}</small></span> },
    ...(admin ? [{ name: 'Client', from: 'mid', show: (w: Webhook) => <span class="short">{w.client_id}</span> } satisfies Column<Webhook>] : []),
    { name: 'Status', show: (w) => <><Badge is={w.status} />{w.health && w.health.state !== 'ok' && <> <Badge is={w.health.state} title="Health" /></>}</> },
    { name: 'Event types', from: 'wide', show: (w) => <span class="mono">{w.event_types.slice(0, 3).join(', ')}{w.event_types.length > 3 && ` +${w.event_types.length - 3}`}</span> },
    ...(has('get /api/webhooks?health') ? healthColumns : []),
    { name: 'Created', from: 'wide', right: true, show: (w) => <Age time={w.created_at} now={now} /> },
  ];
}

/** Pauses or resumes webhooks one after the other, and shows how far it has come. */
function Bulk({ verb, ids, close, done }: { verb: 'pause' | 'resume'; ids: string[]; close: () => void; done: () => void }) {
  const [at, setAt] = useState(0);
  const act = async () => {
    for (const [i, id] of ids.entries()) {
      if (i < at) continue;
      try {
        await post(`api/webhooks/${id}/${verb}`);
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 409) throw error; // 409: it is disabled
      }
      setAt(i + 1);
    }
    done();
  };
  const title = verb === 'pause' ? 'Pause' : 'Resume';
  return (
    <Action title={`${title} ${plural(ids.length, 'webhook')}`} verb={title} act={act} close={close}>
      <p>{verb === 'pause' ? 'Events are still accepted for them. Their deliveries wait until they are resumed. Disabled ones stay as they are.' : 'What waits is sent, and open circuit breakers close.'}</p>
      {at > 0 && <progress max={ids.length} value={at} aria-label="Progress" />}
    </Action>
  );
}
