// Starts the pages: who is signed in, and which page the address names.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ended, get, Problem } from './api';
import { fixBase, followLinks, go, usePlace, type Place } from './router';
import { applyBrand, RightsContext, rightsOf, useRights, type Session } from './session';
import { AccessPage } from './pages/access';
import { AuditPage } from './pages/audit';
import { DeliveriesPage } from './pages/deliveries';
import { DeliveryPage } from './pages/delivery';
import { EventPage } from './pages/event';
import { EventsPage } from './pages/events';
import { JobPage, JobsPage } from './pages/jobs';
import { KeysPage } from './pages/keys';
import { LivePage } from './pages/live';
import { OverviewPage } from './pages/overview';
import { ReceivePage } from './pages/receive';
import { SignIn } from './pages/signin';
import { TypesPage } from './pages/types';
import { WebhookPage } from './pages/webhook';
import { WebhooksPage } from './pages/webhooks';
import { listenToKeys } from './ui/keys';
import { pagesFor } from './ui/nav';
import { Empty, Loading, ProblemNote } from './ui/parts';
import { Shell } from './ui/shell';
import { setTheme, theme } from './ui/theme';
import './style.css';

/** The secret of a link that led here, taken out of the address at once. */
function takeLink(): string | undefined {
  const fragment = location.hash.slice(1);
  const portal = /\/portal$/.test(location.pathname);
  const link = portal ? fragment : fragment.startsWith('link=') ? fragment.slice(5) : '';
  if (portal || link) history.replaceState(null, '', new URL('./', document.baseURI));
  return link || undefined;
}

function App({ link }: { link: string | undefined }) {
  const place = usePlace();
  const [session, setSession] = useState<Session>();
  const [state, setState] = useState<'reading' | 'out' | Problem>(link ? 'out' : 'reading');
  const read = async () => {
    try {
      const found = (await get<Session>('api/session')).data;
      applyBrand(found.brand);
      setSession(found);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setState(error.status === 401 ? 'out' : error);
    }
  };
  useEffect(() => {
    ended.notify = () => {
      setSession(undefined);
      setState('out');
    };
    if (!link) void read();
  }, []);
  if (session) return <RightsContext.Provider value={rightsOf(session)}><Shell place={place}><Page place={place} /></Shell></RightsContext.Provider>;
  if (state === 'reading') return <Loading />;
  if (state === 'out') return <SignIn link={link} done={() => void read()} />;
  return <main class="alone"><ProblemNote problem={state} retry={() => { setState('reading'); void read(); }} /></main>;
}

function Page({ place }: { place: Place }) {
  const rights = useRights();
  const [name = '', id] = place.path;
  const first = name === '' && !rights.admin;
  useEffect(() => {
    if (first) go('webhooks', true);
  }, [first]);
  if (first) return <Loading />;
  const nowhere = <Empty title="There is no such page"><p>The pages are in the list on the side; <kbd>?</kbd> shows the keys.</p></Empty>;
  // An event has a page of its own even where events have no list.
  if (name !== 'events' && !pagesFor(rights).some((page) => page.path === name)) return nowhere;
  if (id !== undefined) {
    switch (name) {
      case 'webhooks': return <WebhookPage key={id} id={id} query={place.query} />;
      case 'deliveries': return <DeliveryPage key={id} id={id} />;
      case 'events': return <EventPage key={id} id={id} />;
      case 'jobs': return <JobPage key={id} id={id} />;
    }
  }
  switch (name) {
    case '': return <OverviewPage query={place.query} />;
    case 'webhooks': return <WebhooksPage query={place.query} />;
    case 'deliveries': return <DeliveriesPage query={place.query} />;
    case 'events': return <EventsPage query={place.query} />;
    case 'live': return <LivePage query={place.query} />;
    case 'jobs': return <JobsPage query={place.query} />;
    case 'audit': return <AuditPage query={place.query} />;
    case 'access': return <AccessPage />;
    case 'types': return <TypesPage />;
    case 'keys': return <KeysPage />;
    case 'receive': return <ReceivePage />;
  }
  return nowhere;
}

setTheme(theme());
const link = takeLink();
fixBase();
followLinks();
listenToKeys();
const root = document.getElementById('app');
if (root) render(<App link={link} />, root);
