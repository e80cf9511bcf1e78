import { useState } from 'preact/hooks';
import { Card } from '../components/card.tsx';
import { CodeBlock } from '../components/code-block.tsx';
import { Notice } from '../components/notice.tsx';
import { Shell } from '../components/shell.tsx';
import { Tabs } from '../components/tabs.tsx';
import { mount } from '../support/mount.tsx';
import { settings, shownBaseUrl } from '../support/settings.ts';
import { ConversationCard } from './conversation-card.tsx';
import { EventsCard } from './events-card.tsx';
import { FLOW_SNIPPETS } from './flow-snippets.ts';
import { IceCheckCard } from './ice-check-card.tsx';
import { ProblemNotice } from './problem-notice.tsx';
import { StartForm } from './start-form.tsx';
import { StatusCard } from './status-card.tsx';
import type { StartOptions } from './talk.ts';
import { useTalk } from './use-talk.ts';

const AT_FIRST: StartOptions = {
  project: settings.simulator ? settings.project : '',
  model: '',
  voice: '',
  source: 'tone',
  relayOnly: false,
};

function Playground() {
  const [talk, state] = useTalk();
  const [options, setOptions] = useState(AT_FIRST);
  const values = { ...options, project: options.project || settings.project, baseUrl: shownBaseUrl };
  const start = (): void => void talk.start(options);
  return (
    <Shell place="playground">
      <div class="page-head">
        <h1>Playground</h1>
        <p class="lead">
          Opens a session and talks to the provider from this browser, as a page of yours would.
        </p>
      </div>
      <Notice kind="vault" title="Vault-only: there is no field for a key, here or in the API">
        <p>
          The project’s key stays encrypted in the vault. This page sends the project’s id and gets a
          credential for one conversation, good for about a minute. Never paste a key anywhere on this page.
        </p>
      </Notice>
      <div class="playground">
        <div class="playground-side">
          <StartForm
            options={options}
            onOptions={setOptions}
            phase={state.phase}
            fields={state.problem?.fields ?? {}}
            muted={state.muted}
            onStart={start}
            onEnd={() => void talk.end()}
            onMute={(muted) => {
              talk.mute(muted);
            }}
          />
          {state.problem !== undefined && <ProblemNotice problem={state.problem} onRetry={start} />}
          <StatusCard state={state} />
        </div>
        <div class="playground-main">
          <ConversationCard talk={talk} state={state} />
          <EventsCard events={state.events} />
        </div>
      </div>
      <IceCheckCard project={options.project} sessionServers={() => talk.iceServers()} />
      <Card title="In your own code">
        <p class="hint">
          The whole flow, with what is chosen above. The last one is for an assistant that writes code: paste
          it as it is.
        </p>
        <Tabs
          label="The flow, by language"
          tabs={FLOW_SNIPPETS.map(({ name, code }) => ({
            name,
            content: <CodeBlock key={name} label={`The flow: ${name}`} code={code(values)} />,
          }))}
        />
      </Card>
    </Shell>
  );
}

mount(Playground);
