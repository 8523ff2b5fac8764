// What surrounds every page: the list of pages, the search, help, and who is signed in.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { go, type Place } from '../router';
import { useRights } from '../session';
import { Dialog } from './dialog';
import { keysNow, moveRow, selectRow, useKeys } from './keys';
import { pagesFor } from './nav';
import { setTheme, theme, type Theme } from './theme';

const order: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };

export function Shell({ place, children }: { place: Place; children: ComponentChildren }) {
  const rights = useRights();
  const search = useRef<HTMLInputElement>(null);
  const [help, setHelp] = useState(false);
  const [menu, setMenu] = useState(false);
  const [look, setLook] = useState(theme);
  const pages = pagesFor(rights);
  useKeys([
    { keys: 'j', does: 'next row', run: () => moveRow(1) },
    { keys: 'k', does: 'previous row', run: () => moveRow(-1) },
    { keys: 'x', does: 'select the row', run: selectRow },
    { keys: '/', does: 'search', run: () => search.current?.focus() },
    { keys: '?', does: 'this help', run: () => setHelp(true) },
    ...pages.map((p) => ({ keys: 'g ' + p.key, does: p.name.toLowerCase(), run: () => go(p.path) })),
  ]);
  const change = () => {
    setTheme(order[look]);
    setLook(order[look]);
  };
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>To the content</a>
      <header class="top">
        <button type="button" class="quiet menu-button" aria-expanded={menu} aria-controls="pages" aria-label="Pages" onClick={() => setMenu(!menu)}>☰</button>
        <BrandMark />
        <form role="search" onSubmit={(e) => { e.preventDefault(); find(search.current?.value ?? ''); search.current?.blur(); }}>
          <input ref={search} type="search" placeholder="Search, or paste an id" aria-label="Search webhooks, or go to an id" spellcheck={false} autoComplete="off" />
          <kbd aria-hidden="true">/</kbd>
        </form>
        <div class="actions">
          {rights.session.read_only && <span class="badge calm">read only</span>}
          <button type="button" class="quiet" onClick={change} aria-label={`Colours: ${look}`} title={`Colours: ${look}`}>{look === 'system' ? '◐' : look === 'dark' ? '●' : '○'}</button>
          <button type="button" class="quiet" onClick={() => setHelp(true)} aria-label="Help">?</button>
          <button type="button" class="quiet" onClick={() => void signOut()}>Sign out</button>
        </div>
      </header>
      <nav id="pages" class={menu ? 'open' : undefined} aria-label="Pages" onClick={() => setMenu(false)}>
        {pages.map((p) => (
          <a key={p.path} href={p.path === '' ? './' : p.path} aria-current={(place.path[0] ?? '') === p.path ? 'page' : undefined}>
            {p.name}<kbd aria-hidden="true">g {p.key}</kbd>
          </a>
        ))}
        <span class="version">{rights.session.version && `Astrohook ${rights.session.version}`}</span>
      </nav>
      <main id="main" tabIndex={-1}>{children}</main>
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

function BrandMark() {
  const { session } = useRights();
  return (
    <a class="brand" href="./" aria-label={`${session.brand?.name || 'Astrohook'}: first page`}>
      {session.brand?.logo_url && <img src={session.brand.logo_url} alt="" referrerpolicy="no-referrer" />}
      <span>{session.brand?.name || 'Astrohook'}</span>
    </a>
  );
}

/** Goes to what a text means: the page of an id, or the webhooks whose URL or description has it. */
function find(text: string): void {
  const wanted = text.trim();
  const kinds = { wh_: 'webhooks/', whd_: 'deliveries/', evt_: 'events/', job_: 'jobs/' };
  const page = Object.entries(kinds).find(([prefix]) => wanted.startsWith(prefix))?.[1];
  if (page) go(page + encodeURIComponent(wanted));
  else go('webhooks' + (wanted && '?q=' + encodeURIComponent(wanted)));
}

async function signOut(): Promise<void> {
  await call('DELETE', 'api/session').catch(() => {});
  window.location.assign(new URL('./', document.baseURI));
}

function Help({ close }: { close: () => void }) {
  const keys = keysNow().filter((k, i, all) => all.findIndex((other) => other.keys === k.keys) === i);
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {keys.map((k) => <div key={k.keys}><dt>{k.keys.split(' ').map((part) => <kbd key={part}>{part}</kbd>)}</dt><dd>{k.does}</dd></div>)}
        <div><dt><kbd>Enter</kbd></dt><dd>open the row</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>close, or leave a field</dd></div>
      </dl>
    </Dialog>
  );
}
