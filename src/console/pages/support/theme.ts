export type Theme = 'light' | 'dark';

const KEY = 'vestibule-theme';

/** The theme that somebody chose; undefined as long as the system's is followed. */
export function keptTheme(): Theme | undefined {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : undefined;
  } catch {
    // A browser may refuse to keep anything.
    return undefined;
  }
}

export function keepTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it holds for this page.
  }
}

export function applyTheme(theme: Theme | undefined): void {
  if (theme !== undefined) document.documentElement.dataset['theme'] = theme;
}

export function shownTheme(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
