// The pages that the list of pages shows, by what the session may see.
import { has } from '../api';
import type { Rights } from '../session';

export interface PageEntry {
  path: string;
  name: string;
  /** The letter behind g. */
  key: string;
}

const pages = {
  overview: { path: '', name: 'Overview', key: 'o' },
  webhooks: { path: 'webhooks', name: 'Webhooks', key: 'w' },
  deliveries: { path: 'deliveries', name: 'Deliveries', key: 'd' },
  events: { path: 'events', name: 'Events', key: 'e' },
  live: { path: 'live', name: 'Live', key: 'l' },
  jobs: { path: 'jobs', name: 'Jobs', key: 'j' },
  types: { path: 'types', name: 'Event types', key: 't' },
  keys: { path: 'keys', name: 'API keys', key: 'k' },
  access: { path: 'access', name: 'Portal', key: 'p' },
  audit: { path: 'audit', name: 'Audit', key: 'a' },
  receive: { path: 'receive', name: 'Receive', key: 'r' },
} satisfies Record<string, PageEntry>;

const operator = [pages.overview, pages.webhooks, pages.deliveries, pages.events, pages.live, pages.jobs, pages.types, pages.keys, pages.access, pages.audit, pages.receive];
const client = [pages.webhooks, pages.deliveries, pages.events, pages.live, pages.jobs, pages.types, pages.audit, pages.receive];

// What a page shows beyond the API that has always been there.
const needs: Record<string, string> = {
  events: 'get /api/events',
  live: 'get /api/stream',
  jobs: 'get /api/jobs',
  access: 'get /api/portal-links',
  audit: 'get /api/audit',
};

export const pagesFor = (rights: Rights): PageEntry[] =>
  (rights.admin ? operator : client).filter((page) => has(needs[page.path] ?? 'get /api/webhooks'));
