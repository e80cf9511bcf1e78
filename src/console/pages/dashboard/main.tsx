import { useMemo, useState } from 'preact/hooks';
import { Shell } from '../components/shell.tsx';
import { mount } from '../support/mount.tsx';
import { AdminApi } from './admin-api.ts';
import { Board } from './board.tsx';
import { SignIn } from './sign-in.tsx';

/** The admin key is in this page's memory and nowhere else: who reloads it signs in again. */
function Dashboard() {
  const [key, setKey] = useState<string>();
  const [refused, setRefused] = useState(false);
  const api = useMemo(
    () =>
      key === undefined
        ? undefined
        : new AdminApi(key, () => {
            // A later key may have come in the meantime.
            setKey((held) => (held === key ? undefined : held));
            setRefused(true);
          }),
    [key],
  );
  return (
    <Shell place="dashboard">
      {api === undefined ? (
        <>
          <h1>Dashboard</h1>
          <p class="lead">
            Projects, live sessions, history and the audit of this service. Its data needs the admin key.
          </p>
          <SignIn
            refused={refused}
            onKey={(given) => {
              setRefused(false);
              setKey(given);
            }}
          />
        </>
      ) : (
        <Board
          api={api}
          onSignOut={() => {
            setKey(undefined);
          }}
        />
      )}
    </Shell>
  );
}

mount(Dashboard);
