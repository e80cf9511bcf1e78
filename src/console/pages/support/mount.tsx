import { type ComponentType, render } from 'preact';

/** Draws a page into the document's one place for it. */
export function mount(Page: ComponentType): void {
  const place = document.getElementById('page');
  if (place !== null) render(<Page />, place);
}
