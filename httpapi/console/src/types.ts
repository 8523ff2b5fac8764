// The shapes of the API's answers, by the names that openapi.yaml gives them.
import type { components } from './openapi';

type Schemas = components['schemas'];
export type Webhook = Schemas['Webhook'] & { health?: WebhookHealth };

/** How a webhook in a list is doing. */
export interface WebhookHealth {
  state: 'ok' | 'failing' | 'slow' | 'open' | 'idle';
  pending: number;
  oldest_pending_age_ms: number;
  last_hour: { successes: number; failures: number; success_ratio: number | null };
}
export type Delivery = Schemas['Delivery'];
export type Attempt = Schemas['Attempt'];
export type Health = Schemas['Health'];
export type Overview = Schemas['Overview'];
export type EventType = Schemas['EventType'];
export type APIKey = Schemas['APIKey'];
export type Event = Schemas['Event'];
export type EventAccepted = Schemas['EventAccepted'];
export type DeliveryStatus = Schemas['DeliveryStatus'];

export interface Page<T> {
  data: T[];
  next_cursor?: string;
}

export type JobAction = 'retry' | 'cancel' | 'replay' | 'backfill';

export interface JobFilter {
  status?: string[];
  event_types?: string[];
  reason?: string;
  code?: string;
  min_attempts?: number;
  since?: string;
  until?: string;
}

export interface Job {
  id: string;
  action: JobAction;
  webhook_id: string;
  client_id: string;
  filter: JobFilter;
  rate_per_second?: number;
  status: 'running' | 'paused' | 'done' | 'cancelled' | 'failed';
  created_at: string;
  created_by: string;
  finished_at?: string;
  looked_at: number;
  done: number;
  total?: number;
  error?: string;
}

export interface JobPreview {
  count: number;
  count_is_exact: boolean;
  bytes: number;
  estimated_seconds: number;
  first: { id: string; event_type: string; status?: string }[];
}

export interface EventEntry {
  id: string;
  event_type: string;
  client_id?: string;
  accepted_at: string;
  size_bytes: number;
  deliveries: number;
  matched: boolean;
}

export interface AuditEntry {
  id: string;
  at: string;
  action: string;
  by: string;
  from_address?: string;
  resource?: string;
  client_id?: string;
  changes?: { field: string; before?: unknown; after?: unknown }[];
}
