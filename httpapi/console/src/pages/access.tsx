// Portal links and sessions: who comes in by a browser, and how to end it.
import { useState } from 'preact/hooks';
import { call, post } from '../api';
import { useListing, useNow } from '../data';
import { useRights } from '../session';
import { Action, Dialog } from '../ui/dialog';
import { Text } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Age, Copy, Empty, Head, Panel } from '../ui/parts';
import { Table } from '../ui/table';

interface PortalLink {
  id: string;
  client_id: string;
  created_at: string;
  expires_at: string;
  used_at?: string;
}

interface OpenSession {
  id: string;
  kind: string;
  client_id?: string;
  made_by: string;
  created_at: string;
  expires_at: string;
  read_only?: boolean;
}

interface Made {
  id: string;
  url: string;
  expires_at: string;
}

type Open = 'new' | { kind: 'link' | 'session'; id: string };

export function AccessPage() {
  const rights = useRights();
  const now = useNow(2000);
  const links = useListing<PortalLink>('api/portal-links', {}, 5000);
  const sessions = useListing<OpenSession>('api/sessions', {}, 5000);
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  useKeys([{ keys: 'n', does: 'new portal link', run: () => { if (rights.change) setOpen('new'); } }]);
  const end = (kind: 'link' | 'session', id: string) => (rights.change
    ? <button type="button" class="quiet" aria-label={`${kind === 'link' ? 'Revoke' : 'End'} ${id}`} onClick={() => setOpen({ kind, id })}>{kind === 'link' ? 'Revoke' : 'End'}</button>
    : null);
  return (
    <>
      <Head title="Portal" note="A link lets a client see its own webhooks in a browser, without a token.">{rights.change && <button type="button" class="primary" onClick={() => setOpen('new')}>New portal link</button>}</Head>
      <Panel title="Links">
        <Table label="Links" list={links} id={(l) => l.id}
          empty={<Empty title="No links"><p>Press <kbd>n</kbd> to make one for a client. It can be used once, within ten minutes.</p></Empty>}
          columns={[
            { name: 'Client', show: (l) => <span class="two"><span>{l.client_id}</span><small class="mono">{l.id}</small></span> },
            { name: 'Made', from: 'mid', show: (l) => <Age time={l.created_at} now={now} /> },
            { name: 'Used', show: (l) => <Age time={l.used_at} now={now} /> },
            { name: 'Expires', from: 'mid', right: true, show: (l) => <Age time={l.expires_at} now={now} /> },
            { name: 'Change', right: true, show: (l) => end('link', l.id) },
          ]} />
      </Panel>
      {rights.admin && (
        <Panel title="Sessions">
          <Table label="Sessions" list={sessions} id={(s) => s.id} empty={<Empty title="No sessions" />}
            columns={[
              { name: 'Who', show: (s) => <span class="two"><span>{s.kind === 'portal' ? `portal: ${s.client_id}` : s.made_by}</span><small class="mono">{s.id}</small></span> },
              { name: 'May', from: 'mid', show: (s) => (s.read_only ? 'look' : 'change') },
              { name: 'Begun', from: 'mid', show: (s) => <Age time={s.created_at} now={now} /> },
              { name: 'Expires', right: true, show: (s) => <Age time={s.expires_at} now={now} /> },
              { name: 'Change', right: true, show: (s) => end('session', s.id) },
            ]} />
        </Panel>
      )}
      {open === 'new' && <New close={close} done={links.reload} />}
      {open !== undefined && open !== 'new' && (
        <Action title={open.kind === 'link' ? 'Revoke the link' : 'End the session'} verb={open.kind === 'link' ? 'Revoke' : 'End it'} danger close={close}
          act={async () => { await call('DELETE', (open.kind === 'link' ? 'api/portal-links/' : 'api/sessions/') + open.id); links.reload(); sessions.reload(); }}>
          <p>{open.kind === 'link' ? 'The link opens nothing any more, and the sessions that it led to end.' : 'Whoever uses it has to sign in again.'}</p>
        </Action>
      )}
    </>
  );
}

function New({ close, done }: { close: () => void; done: () => void }) {
  const rights = useRights();
  const [client, setClient] = useState(rights.session.client_id ?? '');
  const [name, setName] = useState('');
  const [color, setColor] = useState('');
  const [logo, setLogo] = useState('');
  const [made, setMade] = useState<Made>();
  if (made) {
    return (
      <Dialog title="The portal link" close={close}>
        <p>Send it to the client. It can be used once, within ten minutes, and <strong>is not shown again.</strong></p>
        <p class="secret"><code class="break" data-secret>{made.url}</code> <Copy text={made.url} /></p>
        <div class="dialog-foot"><button type="button" class="primary" onClick={close}>Close</button></div>
      </Dialog>
    );
  }
  const act = async () => {
    const brand = { ...(name.trim() && { name: name.trim() }), ...(color.trim() && { color: color.trim() }), ...(logo.trim() && { logo_url: logo.trim() }) };
    setMade((await post<Made>('api/portal-links', { client_id: client.trim(), ...(Object.keys(brand).length > 0 && { brand }) })).data);
    done();
  };
  return (
    <Action title="New portal link" verb="Make the link" act={act} close={close} stay>
      <Text label="Client" value={client} set={setClient} required autoFocus hint="Who sees its own webhooks by it." />
      <div class="row">
        <Text label="Brand name" value={name} set={setName} placeholder="the server's" />
        <Text label="Colour" value={color} set={setColor} placeholder="#3f4cc9" mono />
      </div>
      <Text label="Logo" value={logo} set={setLogo} placeholder="the server's" hint="An address that the server allows, or a data: image." mono />
    </Action>
  );
}
