import { constants } from 'node:os';

export type EndSignal = 'SIGINT' | 'SIGTERM';

const SIGNALS: EndSignal[] = ['SIGINT', 'SIGTERM'];

let handle: (signal: EndSignal) => void = (signal) => process.exit(128 + constants.signals[signal]);
let listening = false;

/** As process 1 of a container a program is not ended by a signal that it does not handle: without more it ends by these. */
export function endOnSignals(): void {
  if (listening) return;
  listening = true;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      handle(signal);
    });
  }
}

/** From now on this decides what a signal does. */
export function onEndSignal(handler: (signal: EndSignal) => void): void {
  handle = handler;
  endOnSignals();
}
