import { useState } from 'preact/hooks';
import { CodeBlock } from '../components/code-block.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Notice } from '../components/notice.tsx';
import { ActionDialog } from './action-dialog.tsx';
import type { AdminApi } from './admin-api.ts';

const TTLS = [
  { seconds: 900, text: '15 minutes' },
  { seconds: 3_600, text: '1 hour' },
  { seconds: 28_800, text: '8 hours' },
  { seconds: 86_400, text: '24 hours' },
];

export interface TokenDialogProps {
  api: AdminApi;
  clientId: string;
  onClose: () => void;
}

interface Token {
  access_token: string;
  expires_in: number;
}

/** Issues a client's token and shows it once. */
export function TokenDialog({ api, clientId, onClose }: TokenDialogProps) {
  const [ttl, setTtl] = useState(3_600);
  const [token, setToken] = useState<Token>();
  if (token !== undefined) {
    return (
      <Dialog
        key="shown"
        title={`Token for ${clientId}`}
        action="I have it"
        onConfirm={onClose}
        onCancel={onClose}
      >
        <div class="stack">
          <Notice kind="vault" title="Shown once">
            <p>
              It opens sessions for {clientId} for {Math.round(token.expires_in / 60)} minutes. Nobody can
              show it again.
            </p>
          </Notice>
          <CodeBlock label="The token" code={token.access_token} />
        </div>
      </Dialog>
    );
  }
  return (
    <ActionDialog
      key="asked"
      title={`Issue a token for ${clientId}`}
      action="Issue"
      run={async () => {
        const path = `clients/${encodeURIComponent(clientId)}/token`;
        setToken(await api.send<Token>('POST', path, { ttl_seconds: ttl }));
      }}
      onClose={onClose}
    >
      <p>Whoever has it opens sessions as this client. That it was issued is recorded in the audit.</p>
      <div class="field">
        <label for="token-ttl">Valid for</label>
        <select
          id="token-ttl"
          value={String(ttl)}
          onChange={(event) => {
            setTtl(Number(event.currentTarget.value));
          }}
        >
          {TTLS.map(({ seconds, text }) => (
            <option key={seconds} value={String(seconds)}>
              {text}
            </option>
          ))}
        </select>
      </div>
    </ActionDialog>
  );
}
