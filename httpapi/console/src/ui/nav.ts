// The pages that the list of pages shows, by what the session may see.
import type { Rights } from '../session';

export interface PageEntry {
  path: string;
  name: string;
  /** The letter behind g. */
  key: string;
}

const operator: PageEntry[] = [
  { path: '', name: 'Overview', key: 'o' },
  { path: 'webhooks', name: 'Webhooks', key: 'w' },
  { path: 'deliveries', name: 'Deliveries', key: 'd' },
  { path: 'types', name: 'Event types', key: 't' },
  { path: 'keys', name: 'API keys', key: 'k' },
];

const client: PageEntry[] = [
  { path: 'webhooks', name: 'Webhooks', key: 'w' },
  { path: 'deliveries', name: 'Deliveries', key: 'd' },
  { path: 'types', name: 'Event types', key: 't' },
  { path: 'receive', name: 'Receive', key: 'r' },
];

export const pagesFor = (rights: Rights): PageEntry[] => (rights.admin ? operator : client);
