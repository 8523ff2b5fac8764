// What pages read: one answer, or a list in pages, read again from time to time.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { get, Problem, type Answer, type Query } from './api';
import type { Page } from './types';

export interface Reading<T> {
  answer: Answer<T> | undefined;
  problem: Problem | undefined;
  reload: () => void;
  /** Shows an answer that another call returned. */
  set: (answer: Answer<T>) => void;
}

/**
 * Reads a path; again every so many ms while the page is visible. A failed reading is repeated
 * when the server's Retry-After allows it, and keeps the last answer on the screen. A path of
 * undefined reads nothing.
 */
export function useReading<T>(path: string | undefined, query: Query = {}, every = 0): Reading<T> {
  const key = path === undefined ? undefined : path + '?' + JSON.stringify(query);
  const [state, setState] = useState<{ key?: string | undefined; answer?: Answer<T>; problem?: Problem }>({});
  const [round, setRound] = useState(0);
  const latest = useRef(query);
  latest.current = query;
  useEffect(() => {
    if (path === undefined) return;
    const abort = new AbortController();
    let timer = 0;
    const again = (ms: number) => {
      timer = window.setTimeout(() => (document.hidden ? again(ms) : void read()), ms);
    };
    const read = async () => {
      try {
        const answer = await get<T>(path, latest.current, abort.signal);
        setState({ key, answer });
        if (every > 0) again(every);
      } catch (error) {
        if (abort.signal.aborted || !(error instanceof Problem)) return;
        setState((s) => ({ ...(s.key === key ? s : { key }), problem: error }));
        const wait = error.retryAt !== undefined ? error.retryAt - Date.now() : error.status === 0 ? 3000 : every;
        if (wait > 0) again(Math.max(wait, 500));
      }
    };
    void read();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, every, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  const set = useCallback((answer: Answer<T>) => setState({ key, answer }), [key]);
  const current = state.key === key ? state : {};
  return { answer: current.answer, problem: current.problem, reload, set };
}

export interface Listing<T> {
  rows: T[] | undefined;
  problem: Problem | undefined;
  /** Reads the next page; undefined at the end of the list. */
  more: (() => void) | undefined;
  busy: boolean;
  reload: () => void;
}

/**
 * Reads a list. Its first page is read again every so many ms for as long as it is the only one.
 * A page that has no entries and yet a next one is passed over, a few times in a row.
 */
export function useListing<T>(path: string | undefined, query: Query, every = 0): Listing<T> {
  const key = path + JSON.stringify(query);
  const [extra, setExtra] = useState<{ key: string; pages: Page<T>[] }>({ key, pages: [] });
  const [failed, setFailed] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const pages = extra.key === key ? extra.pages : [];
  const first = useReading<Page<T>>(path, query, pages.length === 0 ? every : 0);
  const last = pages.at(-1) ?? first.answer?.data;
  const cursor = last?.next_cursor;
  const more = async () => {
    if (path === undefined || cursor === undefined || busy) return;
    setBusy(true);
    try {
      const added: Page<T>[] = [];
      for (let next: string | undefined = cursor; next !== undefined && added.length < 10; ) {
        const page: Page<T> = (await get<Page<T>>(path, { ...query, cursor: next })).data;
        added.push(page);
        next = page.data.length > 0 ? undefined : page.next_cursor;
      }
      setExtra({ key, pages: [...pages, ...added] });
      setFailed(undefined);
    } catch (error) {
      if (error instanceof Problem) setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  const empty = first.answer?.data.data.length === 0 && pages.length === 0 && cursor !== undefined;
  useEffect(() => {
    if (empty) void more();
  }, [empty, key]);
  const rows = first.answer && [first.answer.data, ...pages].flatMap((p) => p.data);
  const reload = () => {
    setExtra({ key, pages: [] });
    first.reload();
  };
  return { rows, problem: failed ?? first.problem, more: cursor !== undefined ? () => void more() : undefined, busy, reload };
}

/** The present time, as of the last tick, for ages that grow while one looks at them. */
export function useNow(every = 1000): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
