// Events: what was published, and whether any webhook asked for it.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { useListing, useNow } from '../data';
import { bytes, count, plural } from '../format';
import { go } from '../router';
import { useRights } from '../session';
import type { EventAccepted, EventEntry } from '../types';
import { Action } from '../ui/dialog';
import { ChoiceFilter, Text, TextFilter } from '../ui/form';
import { useKeys } from '../ui/keys';
import { Age, Badge, Empty, Head } from '../ui/parts';
import { Table } from '../ui/table';

const filters = ['event_type', 'client_id', 'matched', 'since', 'until'];

export function EventsPage({ query }: { query: URLSearchParams }) {
  const rights = useRights();
  const now = useNow(2000);
  const [publishing, setPublishing] = useState(false);
  const wanted = Object.fromEntries(filters.map((name) => [name, query.get(name) ?? undefined]));
  const list = useListing<EventEntry>('api/events', wanted, 3000);
  const narrowed = Object.values(wanted).some((v) => v !== undefined);
  useKeys([{ keys: 'n', does: 'publish an event', run: () => { if (rights.publish) setPublishing(true); } }]);
  return (
    <>
      <Head title="Events">{rights.publish && <button type="button" class="primary" onClick={() => setPublishing(true)}>Publish an event</button>}</Head>
      <form class="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        <TextFilter name="event_type" label="Event type" query={query} placeholder="user.created" />
        <ChoiceFilter name="matched" label="Asked for" query={query} options={[['true', 'by a webhook'], ['false', 'by none']]} />
        <TextFilter name="since" label="Since" query={query} placeholder="1h, or a time" />
        <TextFilter name="until" label="Until" query={query} placeholder="10m, or a time" />
        {rights.admin && <TextFilter name="client_id" label="Client" query={query} />}
      </form>
      <Table label="Events" list={list} id={(e) => e.id} open={(e) => 'events/' + e.id}
        empty={narrowed
          ? <Empty title="No event is like that"><p><a href="events">Show all events</a></p></Empty>
          : <Empty title="No events yet"><p>{rights.publish ? <>Press <kbd>n</kbd> to publish the first one, or use curl from your backend.</> : 'They stand here when your provider publishes them.'}</p></Empty>}
        columns={[
          { name: 'Event type', show: (e) => <span class="two"><span class="mono break">{e.event_type}</span><small class="mono">{e.id}</small></span> },
          { name: 'For', from: 'mid', show: (e) => e.client_id ?? <span class="dim">every client</span> },
          { name: 'Deliveries', right: true, show: (e) => (e.matched ? count(e.deliveries) : <Badge is="none" title="No webhook asked for it" />) },
          { name: 'Data', from: 'mid', right: true, show: (e) => bytes(e.size_bytes) },
          { name: 'Accepted', right: true, show: (e) => <Age time={e.accepted_at} now={now} /> },
        ]} />
      {publishing && <Publish close={() => setPublishing(false)} done={list.reload} />}
    </>
  );
}

export function Publish({ close, done }: { close: () => void; done: () => void }) {
  const rights = useRights();
  const [type, setType] = useState('user.created');
  const [data, setData] = useState('{\n  "user_id": 42\n}');
  const [client, setClient] = useState('');
  const [key, setKey] = useState('');
  const [accepted, setAccepted] = useState<EventAccepted>();
  const act = async () => {
    // The data stays the text that was typed: JSON that is parsed first may lose digits.
    const members = [`"event_type":${JSON.stringify(type.trim())}`, `"data":${data}`];
    if (rights.admin && client.trim() !== '') members.push(`"client_id":${JSON.stringify(client.trim())}`);
    if (key.trim() !== '') members.push(`"idempotency_key":${JSON.stringify(key.trim())}`);
    setAccepted((await post<EventAccepted>('api/events', `{${members.join(',')}}`)).data);
    done();
  };
  const a = accepted;
  return (
    <Action title="Publish an event" verb={a ? 'Publish again' : 'Publish'} act={act} close={close} stay wide>
      <div class="row">
        <Text label="Event type" value={type} set={setType} mono required autoFocus />
        {rights.admin && <Text label="Client" value={client} set={setClient} placeholder="every client" />}
        <Text label="Idempotency key" value={key} set={setKey} placeholder="none" />
      </div>
      <Text label="Data, as JSON" value={data} set={setData} mono required rows={8} />
      {a && (
        <div class="outcome" role="status" data-accepted={a.id}>
          <p><span class="mono">{a.id}</span>: {plural(a.deliveries, 'delivery', 'deliveries')}{a.duplicate && ', published before'}{a.paused && `, ${count(a.paused)} waiting for paused webhooks`}{a.disabled && `, ${count(a.disabled)} failed: disabled webhooks`}{a.limited && `, ${count(a.limited)} failed: too much pending`}.</p>
          {a.deliveries === 0 && !a.disabled && !a.limited && <p>No webhook asks for such events.</p>}
          <button type="button" onClick={() => go('events/' + a.id)}>Open the event</button>
        </div>
      )}
    </Action>
  );
}
