// Small parts that all pages share.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Problem } from '../api';
import { useNow } from '../data';
import { ago, utc } from '../format';

const tones: Record<string, string> = {
  active: 'good', delivered: 'good', ok: 'good', done: 'good', closed: 'good',
  failed: 'bad', disabled: 'bad', failing: 'bad', open: 'bad',
  retrying: 'warn', slow: 'warn', half_open: 'warn', paused: 'warn',
  processing: 'busy', running: 'busy', queued: 'busy',
};

/** A status as a word with a dot, so that colour is never the only sign. */
export function Badge({ is, title }: { is: string; title?: string }) {
  return <span class={`badge ${tones[is] ?? 'calm'}`} title={title}>{is.replace('_', ' ')}</span>;
}

export function Age({ time, now }: { time: string | undefined; now: number }) {
  return time ? <time dateTime={time} title={utc(time) + ' UTC'}>{ago(time, now)}</time> : <span class="none">–</span>;
}

export function Exactly({ time }: { time: string | undefined }) {
  return time ? <time dateTime={time} class="mono">{utc(time)} <span class="dim">UTC</span></time> : <span class="none">–</span>;
}

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  /** It opens the row that it stands in: j and k go from one to the next. */
  opens?: boolean;
}

export function Link({ to, children, class: c, opens }: LinkProps) {
  return <a href={to === '' ? './' : to} class={c} data-open={opens}>{children}</a>;
}

/** What an answer other than 2xx said, with a button for the time when Retry-After has passed. */
export function ProblemNote({ problem, retry }: { problem: Problem | undefined; retry?: () => void }) {
  const now = useNow(500);
  if (!problem) return null;
  const wait = problem.retryAt === undefined ? 0 : Math.ceil((problem.retryAt - now) / 1000);
  return (
    <div class="problem" role="alert">
      <p><strong>{problem.title}</strong>{problem.status > 0 && <span class="dim"> · {problem.status}</span>}</p>
      {problem.detail && <p class="break">{problem.detail}</p>}
      {problem.errors.length > 1 && <ul>{problem.errors.map((e) => <li key={e.field + e.detail}><code>{e.field}</code> {e.detail}</li>)}</ul>}
      {problem.suggestions.length > 0 && <p>Perhaps {problem.suggestions.map((s) => <code key={s}>{s} </code>)}</p>}
      {retry && <button type="button" onClick={retry} disabled={wait > 0}>{wait > 0 ? `Again in ${wait} s` : 'Try again'}</button>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <div class="empty"><p class="empty-title">{title}</p>{children}</div>;
}

export function Loading() {
  return <p class="loading" role="status">Loading…</p>;
}

/** Copies a text; without access to the clipboard, over http for example, it selects the text instead. */
export function Copy({ text, label = 'Copy', id }: { text: string | (() => string); label?: string; id?: string }) {
  const [said, say] = useState('');
  useEffect(() => {
    if (said === '') return;
    const timer = setTimeout(() => say(''), 1500);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <button type="button" class="quiet" data-copy={id} onClick={() => void copy(typeof text === 'string' ? text : text()).then((ok) => say(ok ? 'Copied' : 'Not copied'))}>
      <span aria-live="polite">{said || label}</span>
    </button>
  );
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(field);
    field.select();
    const ok = document.execCommand('copy');
    field.remove();
    return ok;
  }
}

export function Head({ title, note, children }: { title: ComponentChildren; note?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <div class="head">
      <div class="head-title"><h1>{title}</h1>{note && <div class="dim">{note}</div>}</div>
      <div class="actions">{children}</div>
    </div>
  );
}

export function Panel({ title, children, actions, label }: { title?: string; children: ComponentChildren; actions?: ComponentChildren; label?: string }) {
  return (
    <section class="panel" aria-label={label ?? title}>
      {(title || actions) && <div class="panel-head">{title && <h2>{title}</h2>}<div class="actions">{actions}</div></div>}
      {children}
    </section>
  );
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}
