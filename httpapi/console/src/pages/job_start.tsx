// A change of many deliveries: counted first, confirmed, then a job.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { bytes, count, duration, plural } from '../format';
import { go } from '../router';
import type { Job, JobAction, JobFilter, JobPreview } from '../types';
import { Action } from '../ui/dialog';
import { Choice, Text } from '../ui/form';
import { Facts } from '../ui/parts';

interface Words {
  name: string;
  verb: string;
  note: string;
  danger?: boolean;
}

export const actions: Record<JobAction, Words> = {
  retry: { name: 'Retry', verb: 'Retry', note: 'Sends again what failed, or waits for its next attempt.' },
  replay: { name: 'Replay', verb: 'Replay', note: 'Sends finished deliveries again, with a new series of attempts.' },
  cancel: { name: 'Cancel', verb: 'Cancel', note: 'Gives up what is pending. It stays listed as cancelled.', danger: true },
  backfill: { name: 'Backfill', verb: 'Backfill', note: 'Sends events that this webhook never got: it was registered later, was disabled, or did not ask for them.' },
};

interface Props {
  webhook: string;
  action: JobAction;
  filter: JobFilter;
  /** Lets the time range be chosen here, where the page has no filters of its own. */
  ask?: boolean;
  close: () => void;
}

export function StartJob({ webhook, action, filter, ask, close }: Props) {
  const [kind, setKind] = useState(action);
  const [since, setSince] = useState(filter.since ?? (ask ? '24h' : ''));
  const [until, setUntil] = useState(filter.until ?? '');
  const [types, setTypes] = useState((filter.event_types ?? []).join(', '));
  const [rate, setRate] = useState('');
  const [preview, setPreview] = useState<JobPreview>();
  const words = actions[kind];
  const body = () => ({
    action: kind,
    webhook_id: webhook,
    filter: {
      ...filter,
      since: since.trim() || undefined,
      until: until.trim() || undefined,
      event_types: types.split(/[\s,]+/).filter(Boolean).length > 0 ? types.split(/[\s,]+/).filter(Boolean) : undefined,
    },
    ...(rate.trim() !== '' && { rate_per_second: Number(rate) }),
  });
  // Whatever changes the selection makes the count that was shown another one.
  const changed = (set: (v: string) => void) => (v: string) => { set(v); setPreview(undefined); };
  const act = async () => {
    if (!preview) {
      setPreview((await post<JobPreview>('api/jobs', { ...body(), dry_run: true })).data);
      return;
    }
    const job = (await post<Job>('api/jobs', body())).data;
    close();
    go('jobs/' + job.id);
  };
  const noun = kind === 'backfill' ? 'event' : 'delivery';
  const many = kind === 'backfill' ? 'events' : 'deliveries';
  return (
    <Action title={`${words.name}: ${webhook}`} act={act} close={close} stay danger={(words.danger ?? false) && preview !== undefined} disabled={preview?.count === 0}
      verb={preview ? `${words.verb} ${plural(preview.count, noun, many)}` : 'Count first'}>
      {ask && <Choice label="What to do" value={kind} set={changed((v) => setKind(v as JobAction))} options={Object.entries(actions).map(([v, w]) => [v, w.name])} />}
      <p>{words.note}</p>
      <div class="row">
        <Text label="Since" value={since} set={changed(setSince)} placeholder="2h, or a time" />
        <Text label="Until" value={until} set={changed(setUntil)} placeholder="now" />
      </div>
      <div class="row">
        <Text label="Event types" value={types} set={changed(setTypes)} mono placeholder="all" />
        <Text label="At most, a second" value={rate} set={setRate} type="number" placeholder="no limit of its own" />
      </div>
      {preview && (
        <div class="outcome" role="status" data-preview>
          <Facts rows={[
            ['It changes', `${preview.count_is_exact ? '' : 'at least '}${plural(preview.count, noun, many)}`],
            ['Data', bytes(preview.bytes)],
            ['It takes about', duration(preview.estimated_seconds * 1000)],
            ['The first', preview.first.length > 0 ? preview.first.map((f) => <div key={f.id} class="mono break">{f.id} {f.event_type}</div>) : undefined],
          ]} />
          {preview.count > preview.first.length && preview.first.length > 0 && <p class="dim">and {count(preview.count - preview.first.length)} more</p>}
        </div>
      )}
    </Action>
  );
}
