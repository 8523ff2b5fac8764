// Request and response of one attempt, side by side.
import { useReading } from '../data';
import { duration } from '../format';
import type { Attempt, Delivery } from '../types';
import { Copy, Exactly, Facts, Link, Loading, ProblemNote } from '../ui/parts';
import { Payload } from '../ui/payload';
import { curl, decode } from './curl';

const unsent: Record<NonNullable<Attempt['request_not_kept']>, string> = {
  nothing_sent: 'Nothing was sent: there was no connection.',
  settings_changed: 'What was sent cannot be shown any more: the webhook’s URL, headers or secrets have changed since, or the server.',
  event_expired: 'What was sent cannot be shown any more: the event’s data has expired.',
  older_version: 'What was sent is not known: an older version of the server sent it.',
};

const headless: Record<NonNullable<Attempt['response_headers_not_kept']>, string> = {
  delivered: 'The headers are kept after failures only.',
  later_attempts: 'The headers are kept for the latest two attempts only.',
  budget: 'The headers were not kept: too much was, of this webhook or of all.',
  older_version: 'The headers are not known: an older version of the server kept none.',
};

/** Request and response; the request is read when the attempt is looked at. */
export function Exchange({ attempt, delivery }: { attempt: Attempt; delivery: Delivery }) {
  const path = `api/deliveries/${encodeURIComponent(delivery.id)}/attempts/${attempt.number}`;
  const reading = useReading<Attempt>(path, {});
  const read = reading.answer?.data;
  const sent = read?.number === attempt.number ? read.request : undefined;
  const body = sent && decode(sent.body_base64);
  return (
    <div class="columns exchange">
      <section aria-label="Request">
        <div class="panel-head"><h3>Request</h3>{sent && <div class="actions"><Copy id="curl" label="Copy as curl" text={() => curl(sent)} /></div>}</div>
        <Facts rows={[
          ['Began', <Exactly time={attempt.started_at} />],
          ['To', attempt.to_address && <span class="mono">{attempt.to_address}{attempt.proxied && ' (the egress proxy)'}</span>],
          ['From', attempt.from_address && <span class="mono">{attempt.from_address}</span>],
          ['Connection', attempt.reused && 'kept from an earlier attempt'],
          ['Requests', attempt.requests !== 1 ? `${attempt.requests}` : undefined],
        ]} />
        {sent && <p class="mono break">{sent.method} {sent.url}</p>}
        {sent && <Headers rows={sent.headers} />}
        {body !== undefined && <Payload text={body} label="Body of the request" />}
        {!sent && (read?.request_not_kept
          ? <p class="dim">{unsent[read.request_not_kept]} The <Link to={'webhooks/' + delivery.webhook_id}>webhook</Link> says where it goes.</p>
          : reading.problem ? <ProblemNote problem={reading.problem} retry={reading.reload} /> : <Loading />)}
      </section>
      <section aria-label="Response">
        <div class="panel-head"><h3>Response {attempt.response_code ?? ''}</h3></div>
        <Facts rows={[
          ['Took', duration(attempt.duration_ms)],
          ['Times', <Times attempt={attempt} />],
          ['Reason', attempt.reason && <><code>{attempt.reason}</code> {attempt.error_message}</>],
          ['Location', attempt.location && <span class="mono break">{attempt.location}</span>],
          ['Retry-After', attempt.retry_after_ms ? duration(attempt.retry_after_ms) : undefined],
        ]} />
        {attempt.response_line && <p class="mono break"><bdi>{attempt.response_line}</bdi></p>}
        {attempt.response_headers && <Headers rows={attempt.response_headers} />}
        {attempt.response_headers_truncated && <p class="dim">There were more headers.</p>}
        {attempt.response_headers_not_kept && <p class="dim">{headless[attempt.response_headers_not_kept]}</p>}
        <Body attempt={attempt} />
      </section>
    </div>
  );
}

function Times({ attempt }: { attempt: Attempt }) {
  const t = attempt.timings_ms;
  if (!t) return attempt.latency_ms === undefined ? null : <>{duration(attempt.latency_ms)} to the status line</>;
  const parts = ([['DNS', t.dns], ['connect', t.connect], ['TLS', t.tls], ['first byte', t.first_byte]] as const).filter(([, ms]) => ms !== undefined);
  return <>{parts.map(([name, ms]) => <span key={name} class="part">{name} {duration(ms ?? 0)}</span>)}</>;
}

function Body({ attempt }: { attempt: Attempt }) {
  if (attempt.response_encoding) return <p class="dim">The body is encoded ({attempt.response_encoding}) and not shown.</p>;
  if (!attempt.response_body) return attempt.response_code === undefined ? <p class="dim">There was no answer.</p> : <p class="dim">The body was empty.</p>;
  return <Payload text={attempt.response_body} label="Body of the response" {...(attempt.response_truncated && { note: 'the beginning of it' })} />;
}

function Headers({ rows }: { rows: string[][] }) {
  return <dl class="headers">{rows.map(([name, value], i) => <div key={i}><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>)}</dl>;
}

