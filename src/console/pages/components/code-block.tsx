import { useRef } from 'preact/hooks';
import { Copy } from './icons.tsx';
import { toast } from './toast.tsx';

/** Strings, comments of lines, numbers: enough to be read more easily. */
const TOKENS = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|((?:^|\s)(?:#|\/\/) [^\n]*)/gm;

export interface CodeBlockProps {
  /** What the code is, for who does not see it. */
  label: string;
  code: string;
}

/** Code with a button that copies it. */
export function CodeBlock({ label, code }: CodeBlockProps) {
  const place = useRef<HTMLElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(code);
      toast('Copied.');
    } catch {
      // Without HTTPS a page cannot copy.
      if (place.current !== null) getSelection()?.selectAllChildren(place.current);
      toast('Selected: now copy it.');
    }
  };
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code ref={place}>{coloured(code)}</code>
      </pre>
      <button
        type="button"
        class="icon-button code-copy"
        aria-label={`Copy: ${label}`}
        onClick={() => void copy()}
      >
        <Copy />
      </button>
    </div>
  );
}

function coloured(code: string) {
  const parts = [];
  let end = 0;
  for (const match of code.matchAll(TOKENS)) {
    const [text, string] = match;
    parts.push(code.slice(end, match.index));
    parts.push(<span class={string === undefined ? 'code-comment' : 'code-string'}>{text}</span>);
    end = match.index + text.length;
  }
  return [...parts, code.slice(end)];
}
