// Who looks at the pages, and what the server lets them do.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

export interface Brand {
  name?: string;
  color?: string;
  logo_url?: string;
}

export interface Session {
  kind: 'operator' | 'portal';
  client_id?: string;
  scopes?: string[];
  read_only?: boolean;
  brand?: Brand;
  expires_at?: string;
  version?: string;
}

export interface Rights {
  /** Sees every client, and the pages of the operator. */
  admin: boolean;
  portal: boolean;
  /** May change what it sees. */
  change: boolean;
  publish: boolean;
  session: Session;
}

export function rightsOf(session: Session): Rights {
  const scopes = session.scopes ?? [];
  const change = !session.read_only;
  const admin = session.kind === 'operator' && !session.client_id;
  return {
    admin,
    portal: session.kind === 'portal',
    change,
    publish: change && session.kind === 'operator' && (admin || scopes.some((s) => s.startsWith('events:write'))),
    session,
  };
}

export const RightsContext = createContext<Rights>(rightsOf({ kind: 'portal', read_only: true }));
export const useRights = () => useContext(RightsContext);

/** Takes name and colour of a brand over into the page. */
export function applyBrand(brand: Brand | undefined): void {
  document.title = brand?.name || 'Astrohook';
  const color = brand?.color;
  const style = document.documentElement.style;
  if (color === undefined || !/^#[0-9a-f]{6}$/i.test(color)) return;
  style.setProperty('--brand', color);
  style.setProperty('--on-brand', luminance(color) > 0.18 ? '#000' : '#fff');
}

/** The relative luminance of a colour such as #3f4cc9, as WCAG 2 defines it. */
function luminance(color: string): number {
  const parts = [1, 3, 5].map((i) => {
    const c = parseInt(color.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * parts[0]! + 0.7152 * parts[1]! + 0.0722 * parts[2]!;
}
