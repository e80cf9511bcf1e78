import { useEffect, useRef, useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Field } from '../components/field.tsx';
import { Notice } from '../components/notice.tsx';
import { AdminApi, type ApiError, toApiError } from './admin-api.ts';
import { explain } from './explain.ts';

export interface SignInProps {
  /** A key that was taken and is no longer. */
  refused: boolean;
  onKey: (key: string) => void;
}

/** Asks for the admin key, and tries it. */
export function SignIn({ refused, onKey }: SignInProps) {
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector('input')?.focus();
  }, []);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await new AdminApi(key.trim(), () => undefined).get('projects');
      onKey(key.trim());
    } catch (thrown) {
      const failed = toApiError(thrown);
      // A wrong key is forgotten; a right one may be tried again.
      if (failed.status === 401) setKey('');
      setError(failed);
      setBusy(false);
      form.current?.querySelector('input')?.focus();
    }
  };
  return (
    <div class="sign-in">
      <Card title="Sign in">
        <form
          ref={form}
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy && key.trim() !== '') void submit();
          }}
        >
          {refused && error === undefined && (
            <Notice kind="problem" title="The key is not valid any more.">
              <p>It was forgotten here. Sign in with a current one.</p>
            </Notice>
          )}
          {error !== undefined && <SignInProblem error={error} />}
          <Field
            label="Admin key"
            secret
            value={key}
            onValue={setKey}
            hint="One of VESTIBULE_ADMIN_KEY. It stays in the memory of this page: a reload forgets it."
          />
          <div>
            <Button look="main" type="submit" disabled={busy || key.trim() === ''}>
              {busy ? 'Signing in …' : 'Sign in'}
            </Button>
          </div>
        </form>
      </Card>
    </div>
  );
}

function SignInProblem({ error }: { error: ApiError }) {
  if (error.status === 401) {
    return (
      <Notice kind="problem" title="This is not an admin key.">
        <p>
          It was forgotten. Look it up where the service is configured; the demo prints it when it starts.
        </p>
      </Notice>
    );
  }
  const { what, next } = explain(error);
  return (
    <Notice kind="problem" title={what}>
      <p>{next}</p>
    </Notice>
  );
}
