// One event: its data, and what became of it.
import { useNow, useReading } from '../data';
import { plural } from '../format';
import { exact } from '../json';
import type { Event } from '../types';
import { Copy, Empty, Exactly, Facts, Head, Loading, Panel, ProblemNote } from '../ui/parts';
import { Payload } from '../ui/payload';
import { Table } from '../ui/table';
import { deliveryColumns } from './deliveries';

export function EventPage({ id }: { id: string }) {
  const now = useNow();
  const reading = useReading<Event>('api/events/' + encodeURIComponent(id), {}, 5000);
  const answer = reading.answer;
  if (!answer) return reading.problem ? <ProblemNote problem={reading.problem} retry={reading.reload} /> : <Loading />;
  const e = answer.data;
  const data = exact(answer.text, 'data');
  const list = { rows: e.delivery_log, problem: reading.problem, more: undefined, busy: false, reload: reading.reload };
  return (
    <>
      <Head title={<span class="mono break">{e.event_type}</span>} note={<><span class="mono">{e.id}</span> <Copy text={e.id} label="Copy id" /></>} />
      <Panel label="State">
        <Facts rows={[['Accepted', <Exactly time={e.accepted_at} />], ['Client', e.client_id], ['Deliveries', plural(e.deliveries, 'delivery', 'deliveries')]]} />
      </Panel>
      <Panel title="Deliveries">
        <Table label="Deliveries" list={list} id={(d) => d.id} open={(d) => 'deliveries/' + d.id} columns={deliveryColumns(now, true)}
          empty={<Empty title="No webhook asked for it"><p>A webhook that is registered later does not get it by itself.</p></Empty>} />
      </Panel>
      <Panel title="Data">{data !== undefined && <Payload text={data} label="Payload" />}</Panel>
    </>
  );
}
