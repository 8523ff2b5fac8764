// API keys: made, shown once, revoked.
import { useState } from 'preact/hooks';
import { call, post } from '../api';
import { useListing, useNow } from '../data';
import type { APIKey } from '../types';
import { Action, Dialog } from '../ui/dialog';
import { Choice, Text } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Age, Copy, Empty, Head } from '../ui/parts';
import { Table } from '../ui/table';
import { useRights } from '../session';

export function KeysPage() {
  const rights = useRights();
  const now = useNow(5000);
  const list = useListing<APIKey>('api/keys', {});
  const [open, setOpen] = useState<'new' | APIKey>();
  const close = () => setOpen(undefined);
  useKeys([{ keys: 'n', does: 'new API key', run: () => { if (rights.change) setOpen('new'); } }]);
  return (
    <>
      <Head title="API keys" note="A way in without a token issuer.">{rights.change && <button type="button" class="primary" onClick={() => setOpen('new')}>New API key</button>}</Head>
      <Table label="API keys" list={list} id={(k) => k.id}
        empty={<Empty title="No API keys yet"><p>Give each program that publishes a key of its own. Press <kbd>n</kbd> to make one.</p></Empty>}
        columns={[
          { name: 'Name', show: (k) => <span class="two"><span>{k.name}</span><small class="mono">{k.id}</small></span> },
          { name: 'Client', from: 'mid', show: (k) => k.client_id ?? <span class="none">–</span> },
          { name: 'Scopes', from: 'mid', show: (k) => <span class="mono">{k.scopes.join(' ') || '–'}</span> },
          { name: 'Made', from: 'wide', right: true, show: (k) => <Age time={k.created_at} now={now} /> },
          { name: 'Expires', right: true, show: (k) => (k.expires_at ? <Age time={k.expires_at} now={now} /> : 'never') },
          ...(rights.change ? [{ name: 'Change', right: true, show: (k: APIKey) => <button type="button" class="quiet" aria-label={`Revoke ${k.name}`} onClick={() => setOpen(k)}>Revoke</button> }] : []),
        ]} />
      {open === 'new' && <New close={close} done={list.reload} />}
      {open && open !== 'new' && (
        <Action title={`Revoke ${open.name}`} verb="Revoke" danger close={close} act={async () => { await call('DELETE', 'api/keys/' + open.id); list.reload(); }}>
          <p>Calls with this key are refused from then on. This cannot be undone.</p>
        </Action>
      )}
    </>
  );
}

// What a key may do, with the scopes and the need for a client that belong to it.
const kinds: [value: string, label: string][] = [
  ['events:write:all', 'publish to every client'],
  ['client', "manage a client's webhooks"],
  ['events:write', 'that, and publish to them'],
  ['admin', 'everything (admin)'],
];

function New({ close, done }: { close: () => void; done: () => void }) {
  const [name, setName] = useState('');
  const [kind, setKind] = useState('events:write:all');
  const [client, setClient] = useState('');
  const [made, setMade] = useState<APIKey>();
  const own = kind === 'client' || kind === 'events:write';
  if (made) {
    return (
      <Dialog title="The API key is made" close={close}>
        <p>Keep it now: <strong>it is never shown again.</strong></p>
        <p class="secret"><code class="break" data-secret>{made.key}</code> <Copy text={made.key ?? ''} /></p>
        <div class="dialog-foot"><button type="button" class="primary" onClick={close}>I have kept it</button></div>
      </Dialog>
    );
  }
  const act = async () => {
    const body = { name: name.trim(), scopes: kind === 'client' ? [] : [kind], ...(own && { client_id: client.trim() }) };
    setMade((await post<APIKey>('api/keys', body)).data);
    done();
  };
  return (
    <Action title="New API key" verb="Make" close={close} act={act} stay>
      <Text label="Name" value={name} set={setName} required autoFocus hint="What the key is for." />
      <Choice label="It may" value={kind} set={setKind} options={kinds} />
      {own && <Text label="Client" value={client} set={setClient} required />}
    </Action>
  );
}
