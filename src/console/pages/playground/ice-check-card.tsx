import { useState } from 'preact/hooks';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Notice } from '../components/notice.tsx';
import { Table } from '../components/table.tsx';
import { checkIce, type IceFindings, serversOf } from './ice-check.ts';
import { type Problem, problemOf } from './problem.ts';

const KINDS = [
  { type: 'host', meaning: 'this machine’s own addresses: enough in one network' },
  { type: 'srflx', meaning: 'the address that the outside sees, by STUN: enough behind most routers' },
  { type: 'relay', meaning: 'an address at a TURN relay: enough behind any firewall that lets TLS out' },
];

export interface IceCheckCardProps {
  project: string;
  /** Those of the session that is open: relays are given to sessions. */
  sessionServers: () => Promise<RTCIceServer[] | undefined>;
}

/** Which ways voice could take from this browser. */
export function IceCheckCard({ project, sessionServers }: IceCheckCardProps) {
  const [findings, setFindings] = useState<IceFindings | undefined>();
  const [problem, setProblem] = useState<Problem | undefined>();
  const [busy, setBusy] = useState(false);
  const check = async (relayOnly: boolean): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    setFindings(undefined);
    try {
      setFindings(await checkIce((await sessionServers()) ?? (await serversOf(project)), relayOnly));
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title="Relay check">
      <p class="hint">
        Gathers the addresses by which this browser could be reached, and calls nobody. Relays are given to
        sessions: check while one is open.
      </p>
      <div class="buttons ice-buttons">
        <Button disabled={busy} onClick={() => void check(false)}>
          Check every way
        </Button>
        <Button disabled={busy} onClick={() => void check(true)}>
          Check relays only
        </Button>
      </div>
      <div role="status" class="ice-found">
        {busy && <p class="hint">Gathering, for 8 seconds at most.</p>}
        {findings !== undefined && <Findings findings={findings} />}
      </div>
      {problem !== undefined && (
        <Notice kind="problem" title={problem.title}>
          <p>{problem.advice}</p>
        </Notice>
      )}
    </Card>
  );
}

function Findings({ findings: { counts, urls } }: { findings: IceFindings }) {
  return (
    <>
      <Table
        caption="Candidates by kind"
        rows={KINDS}
        keyOf={({ type }) => type}
        empty=""
        columns={[
          { name: 'Kind', cell: ({ type }) => <code>{type}</code> },
          {
            name: 'Found',
            cell: ({ type }) => (
              <Badge tone={counts[type] === undefined ? 'neutral' : 'good'}>{counts[type] ?? 'none'}</Badge>
            ),
          },
          { name: 'Means', cell: ({ meaning }) => meaning },
        ]}
      />
      <p class="hint ice-urls">{urls.length === 0 ? 'No server was asked.' : `Asked: ${urls.join(', ')}`}</p>
    </>
  );
}
