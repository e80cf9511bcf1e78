import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface FieldProps {
  label: string;
  /** Nobody is to read it over a shoulder. Such a field suggests nothing. */
  secret?: boolean;
  required?: boolean;
  disabled?: boolean;
  maxLength?: number;
  placeholder?: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  /** What may be chosen; other text is taken as well. */
  suggestions?: readonly string[];
  value: string;
  onValue: (value: string) => void;
}

/** A line of text with its label, a hint, and what is wrong with it. */
export function Field({ label, hint, error, suggestions, secret = false, onValue, ...rest }: FieldProps) {
  const id = useId();
  const list = suggestions && `${id}-list`;
  const described = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter(
    Boolean,
  );
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...rest}
        {...(secret ? { type: 'password' } : { type: 'text', list })}
        id={id}
        autoComplete="off"
        spellcheck={false}
        aria-describedby={described.join(' ')}
        aria-invalid={error !== undefined}
        onInput={(event) => {
          onValue(event.currentTarget.value);
        }}
      />
      {suggestions && <Suggestions id={list ?? ''} values={suggestions} />}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

function Suggestions({ id, values }: { id: string; values: readonly string[] }) {
  return (
    <datalist id={id}>
      {values.map((each) => (
        <option key={each} value={each} />
      ))}
    </datalist>
  );
}
