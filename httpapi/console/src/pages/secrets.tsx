// The rotation of a webhook's secret.
import { useState } from 'preact/hooks';
import { post } from '../api';
import type { Webhook } from '../types';
import { Action, Dialog } from '../ui/dialog';
import { Choice } from '../ui/form';
import { Secret } from './webhook_form';

export function Rotate({ webhook, close }: { webhook: Webhook; close: () => void }) {
  const [overlap, setOverlap] = useState('86400');
  const [scheme, setScheme] = useState<string>(webhook.signature_scheme);
  const [rotated, setRotated] = useState<Webhook>();
  if (rotated) {
    return (
      <Dialog title="The new secret" close={close}>
        <Secret webhook={rotated} />
        <div class="dialog-foot"><button type="button" class="primary" onClick={close}>I have kept it</button></div>
      </Dialog>
    );
  }
  const act = async () => {
    const body = { overlap_seconds: Number(overlap), signature_scheme: scheme };
    setRotated((await post<Webhook>(`api/webhooks/${webhook.id}/rotate-secret`, body)).data);
  };
  return (
    <Action title="Rotate the secret" verb="Make a new secret" close={close} act={act} stay>
      <p>During the overlap the old and the new secret both sign, so the receiver may change at any time within it.</p>
      <div class="row">
        <Choice label="Overlap" value={overlap} set={setOverlap} options={[['86400', '24 hours'], ['604800', '7 days'], ['3600', '1 hour'], ['0', 'none: the old secret ends now']]} />
        <Choice label="Signed with" value={scheme} set={setScheme} options={[['v1', 'a secret (v1)'], ['v1a', 'a private key (v1a)']]} />
      </div>
    </Action>
  );
}
