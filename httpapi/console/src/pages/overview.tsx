// The overview: how the server is doing, and which webhooks need somebody.
import { useState } from 'preact/hooks';
import { useReading, useNow } from '../data';
import { bytes, count, duration, percent, rate } from '../format';
import { has } from '../api';
import { setQuery } from '../router';
import { useRights } from '../session';
import type { Overview } from '../types';
import { Chart } from '../ui/chart';
import { Badge, Empty, Head, Link, Loading, Panel, ProblemNote } from '../ui/parts';
import { Table } from '../ui/table';
import { useKeys } from '../ui/keys';
import { Publish } from './events';
import { useTargets } from './targets';

interface Series {
  step_seconds: number;
  from: string;
  events_accepted: (number | null)[];
  deliveries_delivered: (number | null)[];
  deliveries_failed: (number | null)[];
  pending: (number | null)[];
}
type Worst = Overview['worst'][number];

const charted = has('get /api/overview?series');

export function OverviewPage({ query }: { query: URLSearchParams }) {
  const live = useReading<Overview>('api/overview', charted ? { series: false } : {}, 2000);
  const rights = useRights();
  const [publishing, setPublishing] = useState(false);
  useKeys([{ keys: 'n', does: 'publish an event', run: () => { if (rights.publish) setPublishing(true); } }]);
  const now = useNow();
  const o = live.answer?.data;
  if (!o) return live.problem ? <ProblemNote problem={live.problem} retry={live.reload} /> : <Loading />;
  const minute = o.rates[0];
  return (
    <>
      <Head title="Overview" note={`Up for ${duration(Math.max(0, now - Date.parse(o.started_at)))}`}>
        {rights.publish && <button type="button" onClick={() => setPublishing(true)}>Publish an event</button>}
      </Head>
      {publishing && <Publish close={() => setPublishing(false)} done={live.reload} />}
      <ProblemNote problem={live.problem} />
      <div class="tiles">
        <Tile name="Pending" value={count(o.pending)} note={`of ${count(o.pending_limit)} at most`} tone={o.pending > o.pending_limit * 0.8 ? 'bad' : undefined} />
        <Tile name="Oldest pending" value={o.pending ? duration(o.oldest_pending_age_ms) : '–'} note={`${count(o.in_flight)} in flight`} />
        <Tile name="Accepted /s" value={rate(minute?.events_accepted ?? 0)} note="events, last minute" />
        <Tile name="Delivered /s" value={rate(minute?.deliveries_delivered ?? 0)} note="last minute" />
        <Tile name="Failed /s" value={rate(minute?.deliveries_failed ?? 0)} note="given up, last minute" tone={minute?.deliveries_failed ? 'bad' : undefined} />
        <Tile name="Breakers open" value={count(o.breakers_open)} note="no attempts for now" tone={o.breakers_open ? 'bad' : undefined} {...(has('get /api/webhooks?health') && { to: 'webhooks?health=open' })} />
        <Tile name="Webhooks" value={count(o.webhooks.active)} note={`${count(o.webhooks.paused)} paused, ${count(o.webhooks.disabled)} disabled`} to="webhooks" />
        {o.disk && <Tile name="Disk free" value={bytes(o.disk.free_bytes)} note={`${bytes(o.disk.storage_bytes)} stored, ${bytes(o.disk.reserve_bytes)} reserved`} tone={o.disk.free_bytes < o.disk.reserve_bytes * 2 ? 'bad' : undefined} />}
      </div>
      {charted && <Charts query={query} live={o} now={now} />}
      <Panel title="Webhooks that stand out" label="Webhooks that stand out">
        <WorstTable rows={o.worst.filter(standsOut)} />
      </Panel>
      <Rates overview={o} />
    </>
  );
}

function Tile({ name, value, note, tone, to }: { name: string; value: string; note: string; tone?: string | undefined; to?: string }) {
  const inner = <><span class="tile-name">{name}</span><span class="tile-value">{value}</span><span class="dim">{note}</span></>;
  const c = 'tile' + (tone ? ' ' + tone : '');
  return to ? <Link to={to} class={c}>{inner}</Link> : <div class={c}>{inner}</div>;
}

const ranges: [string, number][] = [['1h', 60], ['6h', 360], ['24h', 1440]];

/** The course of the last day. Its last point is the present one: a minute that has just begun says little. */
function Charts({ query, live, now }: { query: URLSearchParams; live: Overview; now: number }) {
  const reading = useReading<Overview & { series?: Series }>('api/overview', {}, 15_000);
  const series = reading.answer?.data.series;
  if (!series) return <ProblemNote problem={reading.problem} />;
  const chosen = query.get('range') ?? '1h';
  const minutes = ranges.find(([name]) => name === chosen)?.[1] ?? 60;
  const total = series.pending.length;
  const from = Math.max(0, total - minutes);
  const begin = Date.parse(series.from) / 1000;
  const times = Array.from({ length: total - from }, (_, i) => begin + (from + i) * series.step_seconds);
  const last = times.length - 1;
  if (last >= 0) times[last] = Math.min(Math.max(now / 1000, times[last]!), times[last]! + 2 * series.step_seconds);
  const ending = (values: (number | null)[], end: number | undefined) => [...values.slice(from, -1), end ?? null];
  const perSecond = (values: (number | null)[], end: number | undefined) => ending(values.map((v) => (v === null ? null : v / series.step_seconds)), end);
  const minute = live.rates[0];
  return (
    <Panel title="Over time, in UTC" label="Charts" actions={ranges.map(([name]) => (
      <button key={name} type="button" class="quiet" aria-pressed={chosen === name} onClick={() => setQuery({ range: name === '1h' ? '' : name })}>{name}</button>
    ))}>
      <div class="charts">
        <Chart label="Per second" times={times} span={minutes * series.step_seconds} format={rate} lines={[
          { name: 'accepted', color: 'accent', values: perSecond(series.events_accepted, minute?.events_accepted) },
          { name: 'delivered', color: 'good', values: perSecond(series.deliveries_delivered, minute?.deliveries_delivered), fill: true },
          { name: 'failed', color: 'bad', values: perSecond(series.deliveries_failed, minute?.deliveries_failed) },
        ]} />
        <Chart label="Pending" times={times} span={minutes * series.step_seconds} format={count} lines={[{ name: 'deliveries', color: 'warn', values: ending(series.pending, live.pending), fill: true }]} />
      </div>
    </Panel>
  );
}

/** What has waited for less than a second, and has not failed, is a delivery on its way. */
const standsOut = (w: Worst) => w.status !== 'active' || w.circuit_breaker.state !== 'closed' || w.oldest_pending_age_ms >= 1000 || w.last_hour.failures > 0;

function WorstTable({ rows }: { rows: Worst[] }) {
  const targets = useTargets(rows.map((w) => w.webhook_id));
  const list = { rows, problem: undefined, more: undefined, busy: false, reload: () => {} };
  return (
    <Table label="Webhooks that stand out" list={list} id={(w) => w.webhook_id} open={(w) => 'webhooks/' + w.webhook_id}
      empty={<Empty title="Nothing waits, nothing fails"><p>When a webhook fails or falls behind, it stands here, the worst one first. Try it: <Link to="webhooks">register a webhook</Link> and publish an event.</p></Empty>}
      columns={[
        { name: 'Webhook', show: (w) => <span class="two"><span class="break">{targets.get(w.webhook_id) ?? '…'}</span><small class="mono">{w.webhook_id}</small></span> },
        { name: 'Client', from: 'mid', show: (w) => <span class="short">{w.client_id}</span> },
        { name: 'Status', show: (w) => <><Badge is={w.status} />{w.circuit_breaker.state !== 'closed' && <> <Badge is={w.circuit_breaker.state} title="Circuit breaker" /></>}</> },
        { name: 'Pending', right: true, show: (w) => count(w.pending) },
        { name: 'Oldest', from: 'mid', right: true, show: (w) => (w.pending ? duration(w.oldest_pending_age_ms) : '–') },
        { name: 'Succeeded, 1 h', from: 'mid', right: true, show: (w) => (w.last_hour.success_ratio === null ? '–' : percent(w.last_hour.success_ratio)) },
        { name: 'Failures, 1 h', from: 'wide', right: true, show: (w) => count(w.last_hour.failures) },
      ]} />
  );
}

function Rates({ overview }: { overview: Overview }) {
  const list = { rows: overview.rates, problem: undefined, more: undefined, busy: false, reload: () => {} };
  return (
    <Panel title="Rates">
      <Table label="Rates" list={list} id={(r) => String(r.over_seconds)} empty={null} columns={[
        { name: 'Over', show: (r) => duration(r.over_seconds * 1000) + (r.known_seconds < r.over_seconds ? ` (${duration(r.known_seconds * 1000)} known)` : '') },
        { name: 'Accepted /s', right: true, show: (r) => rate(r.events_accepted) },
        { name: 'Delivered /s', right: true, show: (r) => rate(r.deliveries_delivered) },
        { name: 'Failed /s', right: true, show: (r) => rate(r.deliveries_failed) },
      ]} />
    </Panel>
  );
}
