// The keyboard: single keys while no field has the focus, and g with a letter to go to a page.
import { useEffect, useRef } from 'preact/hooks';

export interface Key {
  /** A key as KeyboardEvent.key has it, or two of them: "g d". */
  keys: string;
  does: string;
  run: () => void;
}

// The latest comes first, so that a page's keys stand before those of all pages.
const active: Key[][] = [];
let prefix = '';
let prefixTimer = 0;

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    !(target instanceof HTMLInputElement && /^(checkbox|radio|button)$/.test(target.type));
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target)) {
    if (event.key === 'Escape') (event.target as HTMLElement).blur();
    return;
  }
  if (document.querySelector('dialog[open]')) return;
  const pressed = prefix + event.key;
  prefix = '';
  clearTimeout(prefixTimer);
  if (event.key === 'g' && pressed === 'g') {
    prefix = 'g ';
    prefixTimer = window.setTimeout(() => (prefix = ''), 1500);
    return;
  }
  const found = active.flat().find((k) => k.keys === pressed);
  if (!found) return;
  event.preventDefault();
  found.run();
}

export function listenToKeys(): void {
  document.addEventListener('keydown', onKey);
}

/** Adds keys for as long as a component is shown. */
export function useKeys(keys: Key[]): void {
  const own = useRef<Key[]>([]);
  own.current.splice(0, own.current.length, ...keys);
  useEffect(() => {
    const mine = own.current;
    active.unshift(mine);
    return () => {
      active.splice(active.indexOf(mine), 1);
    };
  }, []);
}

/** All keys that work now, those of the page first. */
export const keysNow = () => active.flat();

/** Moves the focus to the next or the previous row of the page's list. */
export function moveRow(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-open]')].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return;
  const inRow = document.activeElement?.closest('[data-row]');
  const at = rows.findIndex((row) => row === document.activeElement || (inRow && row.closest('[data-row]') === inRow));
  const to = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[to]?.focus();
  rows[to]?.scrollIntoView({ block: 'nearest' });
}

/** Selects the focused row, or takes it out of the selection. */
export function selectRow(): void {
  const box = document.activeElement?.closest('[data-row]')?.querySelector<HTMLInputElement>('input[type=checkbox]');
  box?.click();
}
