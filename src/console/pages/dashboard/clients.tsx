import { useCallback, useEffect, useState } from 'preact/hooks';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import type { AdminApi } from './admin-api.ts';
import { Problem } from './problem.tsx';
import { Records } from './records.tsx';
import { TokenDialog } from './token-dialog.tsx';
import type { Client } from './types.ts';
import { emptyText, useLoad } from './use-load.ts';

export interface ClientsProps {
  api: AdminApi;
  /** Another number whenever the configuration changed. */
  revision: number;
}

/** The managed callers. */
export function Clients({ api, revision }: ClientsProps) {
  const load = useCallback(() => api.get<{ clients: Client[] }>('clients'), [api]);
  const { value, error, reload } = useLoad(load);
  const [asked, setAsked] = useState<string>();
  useEffect(() => {
    if (revision > 0) reload();
  }, [revision, reload]);
  return (
    <Card title="Clients">
      <Problem of="Clients" error={error} />
      <Records
        caption="Clients"
        rows={value?.clients ?? []}
        keyOf={({ name }) => name}
        empty={emptyText({ value, error }, 'No client is configured: a Client manifest makes one.')}
        columns={[
          { name: 'Client', cell: ({ client_id: id }) => <strong class="id">{id}</strong> },
          { name: 'Project', cell: ({ project_id: id }) => id ?? 'none' },
          { name: 'State', cell: (client) => <State client={client} /> },
          { name: 'Tokens of', cell: (client) => <span class="id">{signerOf(client)}</span> },
          {
            name: 'Actions',
            cell: ({ client_id: id, issuer, service_account: account }) =>
              issuer === null && account === null ? (
                <button
                  type="button"
                  class="link-button"
                  onClick={() => {
                    setAsked(id);
                  }}
                >
                  Issue token<span class="hidden"> for {id}</span>
                </button>
              ) : (
                <span class="hint">{account === null ? 'its issuer’s' : 'its cluster’s'}</span>
              ),
          },
        ]}
      />
      {asked !== undefined && (
        <TokenDialog
          api={api}
          clientId={asked}
          onClose={() => {
            setAsked(undefined);
          }}
        />
      )}
    </Card>
  );
}

function signerOf({ issuer, service_account: account }: Client): string {
  if (account !== null) return `service account ${account.namespace}/${account.name}`;
  return issuer ?? 'this service';
}

function State({ client: { suspended, ready } }: { client: Client }) {
  if (suspended) return <Badge tone="bad">Suspended</Badge>;
  return ready ? <Badge tone="good">Ready</Badge> : <Badge tone="bad">Not ready</Badge>;
}
