// Which page is shown: the path below the <base> that index.html was loaded with, and the query.
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  /** The parts of the path: ["webhooks", "wh_1"]; empty for the first page. */
  path: string[];
  query: URLSearchParams;
}

/** The absolute base is kept: a relative one could change its meaning with the page's address. */
export function fixBase(): void {
  const base = document.querySelector('base');
  if (base) base.href = document.baseURI;
}

const root = () => new URL(document.baseURI).pathname;

export function place(): Place {
  const { pathname, search } = window.location;
  const below = pathname.startsWith(root()) ? pathname.slice(root().length) : '';
  return { path: below.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(search) };
}

const changed = new EventTarget();

/** Goes to a path below the base, such as `webhooks/wh_1?tab=settings`. */
export function go(to: string, replace = false): void {
  const url = new URL(to === '' ? './' : to, document.baseURI).href;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  changed.dispatchEvent(new Event('change'));
  if (!replace) window.scrollTo(0, 0);
}

/** Changes the query and stays on the page; an empty value removes its name. */
export function setQuery(change: Record<string, string>): void {
  const here = place();
  for (const [name, value] of Object.entries(change)) {
    if (value === '') here.query.delete(name);
    else here.query.set(name, value);
  }
  const query = here.query.toString();
  go(here.path.map(encodeURIComponent).join('/') + (query && '?' + query), true);
}

/** Lets a click on a link within the pages change the page without loading it. */
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(root())) return;
    event.preventDefault();
    go(url.pathname.slice(root().length) + url.search);
  });
  window.addEventListener('popstate', () => changed.dispatchEvent(new Event('change')));
}

export function usePlace(): Place {
  const [here, set] = useState(place);
  useEffect(() => {
    const update = () => set(place());
    changed.addEventListener('change', update);
    return () => changed.removeEventListener('change', update);
  }, []);
  return here;
}
