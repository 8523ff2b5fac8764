// Request and response of one attempt, side by side.
import { duration } from '../format';
import type { Attempt, Delivery } from '../types';
import { Copy, Exactly, Facts, Link } from '../ui/parts';
import { Payload } from '../ui/payload';
import { curl, decode, type Sent } from './curl';

export interface Detail extends Attempt {
  request?: Sent;
  from_address?: string;
  to_address?: string;
  timings_ms?: { dns?: number; connect?: number; tls?: number; first_byte?: number };
  response_headers?: [string, string][];
  response_headers_truncated?: boolean;
}

export function Exchange({ attempt, delivery }: { attempt: Detail; delivery: Delivery }) {
  const sent = attempt.request;
  return (
    <div class="columns exchange">
      <section aria-label="Request">
        <div class="panel-head"><h3>Request</h3>{sent && <div class="actions"><Copy id="curl" label="Copy as curl" text={() => curl(sent)} /></div>}</div>
        <Facts rows={[
          ['Began', <Exactly time={attempt.started_at} />],
          ['To', attempt.to_address && <span class="mono">{attempt.to_address}</span>],
          ['From', attempt.from_address && <span class="mono">{attempt.from_address}</span>],
          ['Requests', attempt.requests !== 1 ? `${attempt.requests}` : undefined],
        ]} />
        {sent
          ? <>
            <p class="mono break">{sent.method} {sent.url}</p>
            <Headers rows={sent.headers} />
            {sent.body_base64 !== undefined && <Payload text={decode(sent.body_base64)} label="Body of the request" />}
          </>
          : <p class="dim">What this attempt sent is not kept. The <Link to={'webhooks/' + delivery.webhook_id}>webhook</Link> says where it went.</p>}
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
        {attempt.response_headers && <Headers rows={attempt.response_headers} />}
        {attempt.response_headers_truncated && <p class="dim">There were more headers.</p>}
        <Body attempt={attempt} />
      </section>
    </div>
  );
}

function Times({ attempt }: { attempt: Detail }) {
  const t = attempt.timings_ms;
  if (!t) return attempt.latency_ms === undefined ? null : <>{duration(attempt.latency_ms)} to the status line</>;
  const parts = ([['DNS', t.dns], ['connect', t.connect], ['TLS', t.tls], ['first byte', t.first_byte]] as const).filter(([, ms]) => ms !== undefined);
  return <>{parts.map(([name, ms]) => <span key={name} class="part">{name} {duration(ms ?? 0)}</span>)}</>;
}

function Body({ attempt }: { attempt: Detail }) {
  if (attempt.response_encoding) return <p class="dim">The body is encoded ({attempt.response_encoding}) and not shown.</p>;
  if (!attempt.response_body) return attempt.response_code === undefined ? <p class="dim">There was no answer.</p> : <p class="dim">The body was empty.</p>;
  return <Payload text={attempt.response_body} label="Body of the response" {...(attempt.response_truncated && { note: 'the beginning of it' })} />;
}

function Headers({ rows }: { rows: [string, string][] }) {
  return <dl class="headers">{rows.map(([name, value], i) => <div key={i}><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>)}</dl>;
}

