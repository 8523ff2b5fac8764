// Calls of the server's API, with the cookie of the session. Every page shows what these
// answers hold, so whatever a page does can be done with curl as well.

/** Reports whether the API has a route such as "get /api/jobs", or a parameter: "get /api/jobs?status". */
export const has = (route: string) => API_ROUTES.includes(route);

export interface Fault {
  field: string;
  detail: string;
}

/** What an answer other than 2xx says, as RFC 9457 has it, or that there was no answer. */
export class Problem extends Error {
  /** When the call may be made again, in ms since 1970; undefined if the server did not say. */
  retryAt: number | undefined;
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly type = '',
    readonly field = '',
    readonly errors: Fault[] = [],
    readonly suggestions: string[] = [],
  ) {
    super(detail || title);
  }
}

export interface Answer<T> {
  data: T;
  /** The body as it was received: payloads are taken out of it, not out of `data`. */
  text: string;
  status: number;
}

export type Query = Record<string, string | number | boolean | undefined>;

/** The address of an API path such as `api/webhooks`, below the prefix that the pages were loaded from. */
export function address(path: string, query: Query = {}): string {
  const url = new URL('../' + path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url.href;
}

export interface Call {
  query?: Query;
  /** An object, or a text that is JSON already. */
  body?: unknown;
  token?: string;
  signal?: AbortSignal;
}

/** Called when a call is answered with 401: the session has ended. */
export const ended: { notify: () => void } = { notify: () => {} };

export async function call<T>(method: string, path: string, c: Call = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (c.token !== undefined) headers.Authorization = 'Bearer ' + c.token;
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (c.signal) init.signal = c.signal;
  if (c.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = typeof c.body === 'string' ? c.body : JSON.stringify(c.body);
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(address(path, c.query), init);
    text = await response.text();
  } catch (error) {
    if (c.signal?.aborted) throw error;
    throw new Problem(0, 'No answer', 'The server did not answer. Is it running, and is it reachable from here?');
  }
  if (!response.ok) throw problemOf(response, text, c.token !== undefined);
  return { data: (text === '' ? undefined : JSON.parse(text)) as T, text, status: response.status };
}

function problemOf(response: Response, text: string, signingIn: boolean): Problem {
  const said = parse(text);
  const problem = new Problem(
    response.status,
    said.title ?? `Status ${response.status}`,
    said.detail ?? '',
    said.type,
    said.field,
    said.errors,
    said.suggestions,
  );
  const wait = response.headers.get('Retry-After');
  if (wait !== null && /^\d+$/.test(wait)) problem.retryAt = Date.now() + Number(wait) * 1000;
  if (response.status === 401 && !signingIn) ended.notify();
  return problem;
}

function parse(text: string): Partial<Problem> {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === 'object' && said !== null ? said : {};
  } catch {
    return {};
  }
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) =>
  call<T>('GET', path, { ...(query && { query }), ...(signal && { signal }) });
export const post = <T>(path: string, body?: unknown, query?: Query) =>
  call<T>('POST', path, { ...(body !== undefined && { body }), ...(query && { query }) });
