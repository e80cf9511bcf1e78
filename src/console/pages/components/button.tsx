import type { ComponentChildren } from 'preact';

export interface ButtonProps {
  /** `main`: what a page is for, once on it. */
  look?: 'main' | 'plain' | 'danger';
  /** `submit` in a form. */
  type?: 'button' | 'submit';
  disabled?: boolean;
  pressed?: boolean;
  onClick?: () => void;
  children: ComponentChildren;
}

export function Button({ look = 'plain', type = 'button', disabled = false, ...rest }: ButtonProps) {
  const { pressed, onClick, children } = rest;
  return (
    <button
      type={type}
      class={`button button-${look}`}
      disabled={disabled}
      aria-pressed={pressed}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
