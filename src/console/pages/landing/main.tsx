import type { ComponentChildren } from 'preact';
import { CodeBlock } from '../components/code-block.tsx';
import { Gauge, Hourglass, Key, Ledger } from '../components/icons.tsx';
import { Notice } from '../components/notice.tsx';
import { Shell } from '../components/shell.tsx';
import { Tabs } from '../components/tabs.tsx';
import { WalkPicture } from '../components/walk-picture.tsx';
import { mount } from '../support/mount.tsx';
import { settings, shownBaseUrl } from '../support/settings.ts';
import { curlSnippet, openingSnippet } from '../support/snippets.ts';

const STEPS = [
  <>
    The caller sends a <code>project_id</code>, and no key.
  </>,
  'Limits are checked, a slot is taken and the use is recorded; only then is the key read.',
  'The provider mints a credential for one conversation.',
  <>
    The caller gets it: <code>ek_…</code>, good for about a minute.
  </>,
  'Voice goes straight to the provider, by WebRTC.',
];

const PROMISES = [
  {
    Icon: Key,
    title: 'Vault-encrypted keys',
    text: 'A key is sealed before it is stored, shown to nobody, and sent to the provider alone. No client can bring one.',
  },
  {
    Icon: Hourglass,
    title: 'Ephemeral tokens',
    text: 'What leaves is for one conversation and lapses in about a minute. There is nothing in it to steal for tomorrow.',
  },
  {
    Icon: Ledger,
    title: 'An audit that proves itself',
    text: 'Each use of a key is recorded before the use, in chains of hashes with signed heads. A changed row shows.',
  },
  {
    Icon: Gauge,
    title: 'Caps that hold',
    text: 'Live sessions of a project are counted exactly, across all replicas. Rates and monthly quotas come on top.',
  },
];

const DOORS = [
  { href: 'playground', title: 'Playground', text: 'Open a session and talk, in this browser.' },
  { href: 'dashboard', title: 'Dashboard', text: 'Projects, live sessions, the audit. Needs the admin key.' },
  { href: 'docs', title: 'API', text: 'Every route, with OpenAPI 3.1.' },
  { href: 'metrics', title: 'Metrics', text: 'The totals of this process, for Prometheus.' },
];

const values = { baseUrl: shownBaseUrl, project: settings.project, model: '', voice: '' };

function Landing() {
  return (
    <Shell place="landing">
      <section class="hero">
        <div class="hero-text">
          <h1>
            The key stays in. <span class="hero-second">A minute goes out.</span>
          </h1>
          <p class="lead">
            Vestibule is a session broker for realtime voice APIs: provider keys stay in a vault, and who
            wants to talk gets a credential for one conversation that lives about a minute.
          </p>
          <p class="buttons">
            <a class="button button-main" href="playground">
              Open the playground
            </a>
            <a class="button button-plain" href="docs">
              Read the API
            </a>
          </p>
        </div>
        <figure class="hero-picture">
          <WalkPicture />
        </figure>
      </section>
      <ol class="steps" aria-label="The steps of the picture">
        {STEPS.map((step, index) => (
          <li key={index} class={index === 1 ? 'steps-key' : undefined}>
            {step}
          </li>
        ))}
      </ol>
      <Section title="One field, and it is not a key">
        <div class="example">
          <Tabs
            label="Languages"
            tabs={[
              { name: 'curl', content: <CodeBlock label="A session with curl" code={curlSnippet(values)} /> },
              {
                name: 'JavaScript',
                content: <CodeBlock label="A session with JavaScript" code={openingSnippet(values)} />,
              },
            ]}
          />
          <Notice
            kind="vault"
            title="Vault-only security - API keys encrypted in vault, never exposed to clients"
          >
            <p>
              A request that brings a key is refused before anything is read, counted or asked. The project’s
              id is public by nature: limits protect it, not secrecy.
            </p>
          </Notice>
        </div>
      </Section>
      <Section title="What it holds">
        <ul class="promises">
          {PROMISES.map(({ Icon, title, text }) => (
            <li key={title}>
              <Icon />
              <h3>{title}</h3>
              <p>{text}</p>
            </li>
          ))}
        </ul>
      </Section>
      <Section title="Four doors">
        <ul class="doors">
          {DOORS.map(({ href, title, text }) => (
            <li key={href}>
              <a href={href}>
                <span class="door-title">{title}</span>
                <span class="door-text">{text}</span>
              </a>
            </li>
          ))}
        </ul>
      </Section>
    </Shell>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

mount(Landing);
