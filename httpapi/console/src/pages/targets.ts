// Where webhooks lead, for lists that name them by their ids only.
import { useEffect, useState } from 'preact/hooks';
import { get, Problem } from '../api';
import { shortURL } from '../format';
import type { Webhook } from '../types';

/** Reads the targets of webhooks, each once, and returns those that are known so far by id. */
export function useTargets(ids: string[]): ReadonlyMap<string, string> {
  const [known, setKnown] = useState<ReadonlyMap<string, string>>(new Map());
  const missing = ids.filter((id) => !known.has(id));
  const key = missing.join();
  useEffect(() => {
    if (key === '') return;
    const abort = new AbortController();
    const read = async (id: string): Promise<[string, string]> => {
      try {
        return [id, shortURL((await get<Webhook>('api/webhooks/' + encodeURIComponent(id), {}, abort.signal)).data.target_url)];
      } catch (error) {
        if (error instanceof Problem) return [id, id]; // it was deleted, for example
        throw error;
      }
    };
    Promise.all(key.split(',').map(read)).then((found) => setKnown((before) => new Map([...before, ...found])), (error: unknown) => {
      if (!abort.signal.aborted) throw error;
    });
    return () => abort.abort();
  }, [key]);
  return known;
}
