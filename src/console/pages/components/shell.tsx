import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { settings } from '../support/settings.ts';
import { applyTheme, keepTheme, shownTheme } from '../support/theme.ts';
import { Mark, Moon, Sun } from './icons.tsx';
import { Toasts } from './toast.tsx';

export type Place = 'landing' | 'playground' | 'dashboard';

const LINKS = [
  { href: 'playground', text: 'Playground', place: 'playground' },
  { href: 'dashboard', text: 'Dashboard', place: 'dashboard' },
  { href: 'docs', text: 'API', place: undefined },
  { href: 'metrics', text: 'Metrics', place: undefined },
] as const;

/** What all pages share: the name and the ways to the others, the version, messages that pass. */
export function Shell({ place, children }: { place: Place; children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="header">
        <div class="header-inner">
          <a class="brand" href="./" aria-current={place === 'landing' ? 'page' : undefined}>
            <Mark />
            <span>Vestibule</span>
          </a>
          <nav class="nav" aria-label="Pages">
            {LINKS.map(({ href, text, place: of }) => (
              <a key={href} href={href} aria-current={of === place ? 'page' : undefined}>
                {text}
              </a>
            ))}
          </nav>
          <ThemeButton />
        </div>
      </header>
      {settings.simulator && <SimulatorNotice />}
      <main id="main" class="main" tabIndex={-1}>
        {children}
      </main>
      <footer class="footer">
        <p>
          Vestibule {settings.version} · Apache-2.0 · <a href={`console/${settings.notices}`}>licences</a>
        </p>
        <p>Keys in the vault, credentials that live a minute.</p>
      </footer>
      <Toasts />
    </>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(shownTheme());
  const other = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    applyTheme(other);
    keepTheme(other);
    setTheme(other);
  };
  return (
    <button type="button" class="icon-button" onClick={change} aria-label={`Use the ${other} theme`}>
      {theme === 'dark' ? <Sun /> : <Moon />}
    </button>
  );
}

function SimulatorNotice() {
  return (
    <aside class="simulator" aria-label="Simulator">
      <p>
        <strong>A simulator answers here.</strong> It speaks like the provider, but nobody talks and nothing
        costs. Start with <code>OPENAI_API_KEY</code> set to use the real one.
      </p>
    </aside>
  );
}
