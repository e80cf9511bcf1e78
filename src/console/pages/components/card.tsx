import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface CardProps {
  title: ComponentChildren;
  /** Beside the title: a badge, a button. */
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

/** A part of a page, with a heading by which it is found. */
export function Card({ title, aside, class: name = '', children }: CardProps) {
  const id = useId();
  return (
    <section class={`card ${name}`} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
