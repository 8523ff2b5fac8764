// The audit: who changed what.
import { useListing, useNow } from '../data';
import { plural } from '../format';
import { useRights } from '../session';
import type { AuditEntry } from '../types';
import { TextFilter } from '../ui/form';
import { Age, Empty, Head } from '../ui/parts';
import { Table } from '../ui/table';

const filters = ['action', 'by', 'resource', 'client_id', 'since', 'until'];

export function AuditPage({ query }: { query: URLSearchParams }) {
  const rights = useRights();
  const now = useNow(5000);
  const wanted = Object.fromEntries(filters.map((name) => [name, query.get(name) ?? undefined]));
  const list = useListing<AuditEntry>('api/audit', wanted, 5000);
  return (
    <>
      <Head title="Audit" note="Every change, the newest first. Values of secrets and headers are never kept." />
      <form class="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        <TextFilter name="action" label="Action" query={query} placeholder="webhook.update" />
        <TextFilter name="by" label="By" query={query} placeholder="key:nv3ad7rkq2" />
        <TextFilter name="resource" label="Resource" query={query} placeholder="wh_…" />
        {rights.admin && <TextFilter name="client_id" label="Client" query={query} />}
        <TextFilter name="since" label="Since" query={query} placeholder="1h, or a time" />
        <TextFilter name="until" label="Until" query={query} placeholder="10m, or a time" />
      </form>
      <Table label="Audit" list={list} id={(a) => a.id}
        empty={<Empty title="Nothing was changed"><p>Registrations, settings, retries and keys stand here from the moment that somebody changes one.</p></Empty>}
        columns={[
          { name: 'Action', show: (a) => <span class="two"><span class="mono">{a.action}</span><small class="mono break">{a.resource}</small></span> },
          { name: 'By', show: (a) => <span class="two"><span class="mono break">{a.by === 'subject:' ? 'a token' : a.by}</span><small>{a.from_address}</small></span> },
          { name: 'Changes', from: 'mid', show: (a) => <Changes of={a} /> },
          ...(rights.admin ? [{ name: 'Client', from: 'wide' as const, show: (a: AuditEntry) => <span class="short">{a.client_id ?? '–'}</span> }] : []),
          { name: 'When', right: true, show: (a) => <Age time={a.at} now={now} /> },
        ]} />
    </>
  );
}

// What was registered or deleted has a change for each of its members: the rest unfolds.
const shownChanges = 4;

function Changes({ of }: { of: AuditEntry }) {
  const all = of.changes ?? [];
  if (all.length === 0) return <span class="none">–</span>;
  if (all.length <= shownChanges) return <ChangeList of={all} />;
  return <details class="changes"><summary>{plural(all.length, 'member')}</summary><ChangeList of={all} /></details>;
}

function ChangeList({ of }: { of: NonNullable<AuditEntry['changes']> }) {
  return (
    <dl class="changes">
      {of.map((c) => (
        <div key={c.field}><dt>{c.field}</dt><dd>{c.before !== undefined && <><bdi class="break">{word(c.before)}</bdi> → </>}<bdi class="break">{word(c.after)}</bdi></dd></div>
      ))}
    </dl>
  );
}

const word = (value: unknown) => (value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value));
