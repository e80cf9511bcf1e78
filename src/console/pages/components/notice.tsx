import type { ComponentChildren } from 'preact';
import { Info, Key, Warning } from './icons.tsx';

export interface NoticeProps {
  /** `vault` speaks of keys. */
  kind: 'info' | 'vault' | 'problem';
  title: ComponentChildren;
  children?: ComponentChildren;
}

const ICONS = { info: Info, vault: Key, problem: Warning };

/** Something that has to be read; a problem is also read out. */
export function Notice({ kind, title, children }: NoticeProps) {
  const Icon = ICONS[kind];
  return (
    <div class={`notice notice-${kind}`} role={kind === 'problem' ? 'alert' : undefined}>
      <Icon />
      <div>
        <p class="notice-title">{title}</p>
        {children}
      </div>
    </div>
  );
}
