// A test delivery of one webhook, and what the receiver answered.
import { useState } from 'preact/hooks';
import { post, type Answer } from '../api';
import { duration } from '../format';
import { go } from '../router';
import type { Delivery, Webhook } from '../types';
import { Action } from '../ui/dialog';
import { Text } from '../ui/form';
import { Badge, Facts } from '../ui/parts';

const ownType = 'webhook.test';

export function TestSend({ webhook, close }: { webhook: Webhook; close: () => void }) {
  const [type, setType] = useState(ownType);
  const [data, setData] = useState('{"test":true}');
  const [outcome, setOutcome] = useState<Answer<Delivery>>();
  const act = async () => {
    // The data stays the text that was typed: JSON that is parsed first may lose digits.
    const members = [`"data":${data}`];
    // The server's own type for tests needs no registration, and is not named.
    if (type.trim() !== ownType) members.push(`"event_type":${JSON.stringify(type.trim())}`);
    setOutcome(await post<Delivery>(`api/webhooks/${webhook.id}/test`, `{${members.join(',')}}`, { wait: '15s' }));
  };
  const d = outcome?.data;
  return (
    <Action title="Send a test" verb={d ? 'Send again' : 'Send'} close={close} act={act} stay wide>
      <p class="dim">It is sent at once, whatever the webhook's event types are and whatever its deliveries wait for.</p>
      <Text label="Event type" value={type} set={setType} mono required />
      <Text label="Data, as JSON" value={data} set={setData} mono required rows={4} />
      {d && (
        <div class="outcome" role="status">
          <Facts rows={[
            ['Outcome', <Badge is={d.status} />],
            ['Answer', d.response_code ?? d.error_message ?? 'none yet'],
            ['Took', d.attempt_log?.at(-1) && duration(d.attempt_log.at(-1)!.duration_ms)],
            ['Body', d.response_body && <span class="mono break">{d.response_body}</span>],
          ]} />
          <button type="button" onClick={() => go('deliveries/' + d.id)}>Open the delivery</button>
        </div>
      )}
    </Action>
  );
}
