// The registry of event types.
import { useState } from 'preact/hooks';
import { call, post } from '../api';
import { useListing } from '../data';
import { useRights } from '../session';
import type { EventType } from '../types';
import { Action } from '../ui/dialog';
import { Text } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Empty, Head } from '../ui/parts';
import { Table, type Column } from '../ui/table';

type Open = { kind: 'new' } | { kind: 'edit' | 'delete'; type: EventType };

export function TypesPage() {
  const rights = useRights();
  const list = useListing<EventType>('api/event-types', {});
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const may = rights.admin && rights.change;
  useKeys([{ keys: 'n', does: 'new event type', run: () => { if (may) setOpen({ kind: 'new' }); } }]);
  const columns: Column<EventType>[] = [
    { name: 'Name', show: (t) => <span class="two"><span class="mono break">{t.name}</span><small>{t.description}</small></span> },
    ...(may ? [{
      name: 'Change', right: true, show: (t: EventType) => (
        <span class="actions"><button type="button" class="quiet" aria-label={`Edit ${t.name}`} onClick={() => setOpen({ kind: 'edit', type: t })}>Edit</button>
          <button type="button" class="quiet" aria-label={`Remove ${t.name}`} onClick={() => setOpen({ kind: 'delete', type: t })}>Remove</button></span>),
    } satisfies Column<EventType>] : []),
  ];
  return (
    <>
      <Head title="Event types" note="Events of other types are refused.">{may && <button type="button" class="primary" onClick={() => setOpen({ kind: 'new' })}>New event type</button>}</Head>
      <Table label="Event types" list={list} id={(t) => t.name} open={(t) => 'deliveries?event_type=' + encodeURIComponent(t.name)} columns={columns}
        empty={<Empty title="No event types yet"><p>{may ? <>Press <kbd>n</kbd> to add the first one, such as <code>user.created</code>.</> : 'An administrator adds them.'}</p></Empty>} />
      {open?.kind === 'new' && <Edit close={close} done={list.reload} />}
      {open?.kind === 'edit' && <Edit type={open.type} close={close} done={list.reload} />}
      {open?.kind === 'delete' && (
        <Action title={`Remove ${open.type.name}`} verb="Remove" danger close={close} act={async () => { await call('DELETE', 'api/event-types/' + encodeURIComponent(open.type.name)); list.reload(); }}>
          <p>Events of this type are refused from now on. Webhooks that name it keep it.</p>
        </Action>
      )}
    </>
  );
}

function Edit({ type, close, done }: { type?: EventType; close: () => void; done: () => void }) {
  const [name, setName] = useState(type?.name ?? '');
  const [description, setDescription] = useState(type?.description ?? '');
  const act = async () => {
    if (type) await call('PUT', 'api/event-types/' + encodeURIComponent(type.name), { body: { description } });
    else await post('api/event-types', { name: name.trim(), description });
    done();
  };
  return (
    <Action title={type ? type.name : 'New event type'} verb={type ? 'Save' : 'Add'} close={close} act={act}>
      {!type && <Text label="Name" value={name} set={setName} required mono autoFocus placeholder="user.created" hint="Letters, digits, _ and -, in parts with dots between." />}
      <Text label="Description" value={description} set={setDescription} rows={3} />
    </Action>
  );
}
