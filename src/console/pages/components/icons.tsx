import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

/** Two arches: a door within a door. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="mark-outer" d="M4 29V16a12 12 0 0 1 24 0v13z" />
      <path class="mark-inner" d="M11 29V17a5 5 0 0 1 10 0v12z" />
    </svg>
  );
}

export const Sun = () => (
  <Icon>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2v3M12 19v3M2 12h3M19 12h3M4.9 4.9 7 7M17 17l2.1 2.1M4.9 19.1 7 17M17 7l2.1-2.1" />
  </Icon>
);

export const Moon = () => (
  <Icon>
    <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z" />
  </Icon>
);

export const Copy = () => (
  <Icon>
    <path d="M9 9h10v11H9zM5 15V4h10" />
  </Icon>
);

export const Key = () => (
  <Icon>
    <circle cx="8" cy="12" r="4" />
    <path d="M12 12h9M18 12v4M21 12v3" />
  </Icon>
);

export const Hourglass = () => (
  <Icon>
    <path d="M6 3h12M6 21h12M7 3c0 5 5 6 5 9s-5 4-5 9M17 3c0 5-5 6-5 9s5 4 5 9" />
  </Icon>
);

export const Ledger = () => (
  <Icon>
    <path d="M5 4h14v16H5zM9 4v16M12 9h4M12 13h4" />
  </Icon>
);

export const Gauge = () => (
  <Icon>
    <path d="M4 17a8 8 0 1 1 16 0M12 17l4-5" />
  </Icon>
);

export const Warning = () => (
  <Icon>
    <path d="M12 4 2.5 20h19zM12 10v4M12 17v.5" />
  </Icon>
);

export const Info = () => (
  <Icon>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 11v6M12 7v.5" />
  </Icon>
);
