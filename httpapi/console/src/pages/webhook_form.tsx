// The form of a webhook: registered with it, and changed with it.
import { useState } from 'preact/hooks';
import { call, post } from '../api';
import { useRights } from '../session';
import type { Webhook } from '../types';
import { Action } from '../ui/dialog';
import { Choice, Text } from '../ui/form';
import { Copy, Facts } from '../ui/parts';

interface Draft {
  target_url: string;
  event_types: string;
  description: string;
  client_id: string;
  signature_scheme: string;
  timeout_ms: string;
  concurrency: string;
  per_second: string;
  burst: string;
  max_attempts: string;
  initial_delay_ms: string;
  multiplier: string;
  max_delay_ms: string;
  failures: string;
  open_ms: string;
  headers: string;
}

const text = (n: number | null | undefined) => (n === null || n === undefined ? '' : String(n));

function draftOf(w: Webhook | undefined): Draft {
  return {
    target_url: w?.target_url ?? 'https://',
    event_types: (w?.event_types ?? ['*']).join('\n'),
    description: w?.description ?? '',
    client_id: w?.client_id ?? '',
    signature_scheme: w?.signature_scheme ?? 'v1',
    timeout_ms: text(w?.timeout_ms),
    concurrency: text(w?.concurrency),
    per_second: text(w?.rate_limit?.per_second),
    burst: text(w?.rate_limit?.burst),
    max_attempts: text(w?.retry_policy.max_attempts),
    initial_delay_ms: text(w?.retry_policy.initial_delay_ms),
    multiplier: text(w?.retry_policy.multiplier),
    max_delay_ms: text(w?.retry_policy.max_delay_ms),
    failures: text(w?.circuit_breaker.failures),
    open_ms: text(w?.circuit_breaker.open_ms),
    headers: '',
  };
}

const value = (s: string) => (s.trim() === '' ? null : Number(s));

/** Returns the members that differ from before; an emptied one is null, which means the default. */
function changes(before: Draft, d: Draft): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const differs = (...names: (keyof Draft)[]) => names.some((n) => before[n] !== d[n]);
  if (differs('target_url')) out.target_url = d.target_url.trim();
  if (differs('event_types')) out.event_types = d.event_types.split(/[\s,]+/).filter(Boolean);
  if (differs('description')) out.description = d.description;
  if (differs('timeout_ms')) out.timeout_ms = value(d.timeout_ms);
  if (differs('concurrency')) out.concurrency = value(d.concurrency);
  if (differs('per_second', 'burst')) out.rate_limit = value(d.per_second) === null ? null : { per_second: value(d.per_second), burst: value(d.burst) };
  const group = (...names: (keyof Draft)[]) => Object.fromEntries(names.filter((n) => differs(n)).map((n) => [n, value(d[n])]));
  const retry = group('max_attempts', 'initial_delay_ms', 'multiplier', 'max_delay_ms');
  if (Object.keys(retry).length > 0) out.retry_policy = retry;
  const breaker = group('failures', 'open_ms');
  if (Object.keys(breaker).length > 0) out.circuit_breaker = breaker;
  const headers = d.headers.split('\n').map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line)).filter((m) => m !== null);
  if (headers.length > 0) out.headers = Object.fromEntries(headers.map(([, name, v]) => [name, v === '' ? null : v]));
  return out;
}

interface Props {
  webhook?: Webhook;
  close: () => void;
  done: (w: Webhook) => void;
}

export function WebhookForm({ webhook, close, done }: Props) {
  const rights = useRights();
  const [before] = useState(() => draftOf(webhook));
  const [draft, setDraft] = useState(before);
  const [made, setMade] = useState<Webhook>();
  const field = (name: keyof Draft) => ({ value: draft[name], set: (v: string) => setDraft({ ...draft, [name]: v }) });
  const act = async () => {
    if (webhook) {
      done((await call<Webhook>('PATCH', 'api/webhooks/' + webhook.id, { body: changes(before, draft) })).data);
      return;
    }
    const body = { ...changes({ ...before, target_url: '', event_types: '' }, draft), signature_scheme: draft.signature_scheme, ...(rights.admin && { client_id: draft.client_id.trim() }) };
    setMade((await post<Webhook>('api/webhooks', body)).data);
  };
  if (made) {
    return <Action title="The webhook is registered" verb="Open it" close={() => done(made)} act={async () => done(made)}><Secret webhook={made} /></Action>;
  }
  return (
    <Action title={webhook ? 'Settings' : 'New webhook'} verb={webhook ? 'Save' : 'Register'} close={close} act={act} stay={!webhook} wide>
      <Text label="Target URL" {...field('target_url')} required mono autoFocus placeholder="https://example.com/hooks" />
      <div class="row">
        <Text label="Event types" {...field('event_types')} rows={2} mono hint="One a line: user.created, user.*, or * for all." />
        <Text label="Description" {...field('description')} rows={2} />
      </div>
      {!webhook && (
        <div class="row">
          {rights.admin && <Text label="Client" {...field('client_id')} required hint="Whose webhook this is." />}
          <Choice label="Signed with" {...field('signature_scheme')} options={[['v1', 'a secret both sides have (v1)'], ['v1a', 'a private key of the server (v1a)']]} />
        </div>
      )}
      <details>
        <summary>Limits, retries and headers</summary>
        <p class="dim">An empty field means the server's default.</p>
        <div class="row">
          <Text label="Timeout, ms" type="number" {...field('timeout_ms')} />
          <Text label="Attempts at the same time" type="number" {...field('concurrency')} />
          <Text label="Attempts a second" type="number" {...field('per_second')} />
          <Text label="Burst" type="number" {...field('burst')} />
        </div>
        <div class="row">
          <Text label="Attempts at most" type="number" {...field('max_attempts')} />
          <Text label="First wait, ms" type="number" {...field('initial_delay_ms')} />
          <Text label="Each wait × " type="number" {...field('multiplier')} />
          <Text label="Longest wait, ms" type="number" {...field('max_delay_ms')} />
        </div>
        <div class="row">
          <Text label="Breaker opens after failures" type="number" {...field('failures')} />
          <Text label="Breaker opens for, ms" type="number" {...field('open_ms')} />
        </div>
        <Text label="Headers to set" {...field('headers')} rows={2} mono hint={'Name: value, one a line. A name without a value removes the header. Values are never shown again.' + (webhook?.header_names?.length ? ` There are: ${webhook.header_names.join(', ')}.` : '')} />
      </details>
    </Action>
  );
}

/** The secret of an answer that has one: it is shown once. */
export function Secret({ webhook }: { webhook: Webhook }) {
  if (!webhook.secret) {
    return <Facts rows={[['Public keys', webhook.public_keys?.map((k) => <code key={k} class="break">{k}</code>)]]} />;
  }
  return (
    <>
      <p>This is the secret that the receiver verifies with. <strong>It is shown now and never again.</strong></p>
      <p class="secret"><code class="break" data-secret>{webhook.secret}</code> <Copy text={webhook.secret} /></p>
      {webhook.standard_secret && <p class="secret">For Standard Webhooks libraries: <code class="break">{webhook.standard_secret}</code> <Copy text={webhook.standard_secret} /></p>}
    </>
  );
}
