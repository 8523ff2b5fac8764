// Signing in: an API key or a token once, or the link that led here.
import { useEffect, useState } from 'preact/hooks';
import { call, post } from '../api';
import { useAction } from '../ui/dialog';
import { Text } from '../ui/form';
import { Loading, ProblemNote } from '../ui/parts';

export function SignIn({ link, done }: { link: string | undefined; done: () => void }) {
  const [token, setToken] = useState('');
  const [readOnly, setReadOnly] = useState(false);
  const { run, busy, problem } = useAction();
  const exchange = async () => {
    const exchanged = link?.startsWith('ahi_') ? 'api/session' : 'api/portal-session';
    if (await run(() => post(exchanged, { link }))) done();
  };
  useEffect(() => {
    if (link) void exchange();
  }, []);
  const signIn = async () => {
    const body = readOnly ? { scope: 'read' } : {};
    if (await run(() => call('POST', 'api/session', { token: token.trim(), body }))) {
      setToken('');
      done();
    }
  };
  if (link && !problem) return <Loading />;
  if (link && problem) {
    return (
      <main class="alone">
        <h1>This link does not open</h1>
        <ProblemNote problem={problem} />
        <p>A link can be used once, and for some minutes only. Ask for a new one where you found it.</p>
      </main>
    );
  }
  return (
    <main class="alone">
      <h1>Sign in to Astrohook</h1>
      <form onSubmit={(e) => { e.preventDefault(); void signIn(); }}>
        <Text label="API key or token" type="password" value={token} set={setToken} required mono autoFocus
          hint="It is exchanged for a session, and kept nowhere in this browser." />
        <label class="check"><input type="checkbox" checked={readOnly} onChange={(e) => setReadOnly(e.currentTarget.checked)} /> Look only: this session changes nothing</label>
        <ProblemNote problem={problem} />
        <button type="submit" class="primary" disabled={busy || token.trim() === ''}>{busy ? 'Signing in…' : 'Sign in'}</button>
      </form>
      <p class="dim">With <code>make run</code> the token is in <code>astrohook-data/dev-token</code>. <code>astrohook token</code> makes one elsewhere.</p>
    </main>
  );
}
