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
