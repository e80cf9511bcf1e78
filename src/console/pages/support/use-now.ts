import { useEffect, useState } from 'preact/hooks';
import { now } from './clock.ts';

const TICK_MS = 250;

/** The time, as long as something is counted down; unix milliseconds. */
export function useNow(running: boolean): number {
  const [time, setTime] = useState(now());
  useEffect(() => {
    if (!running) return undefined;
    setTime(now());
    const timer = setInterval(() => {
      setTime(now());
    }, TICK_MS);
    return () => {
      clearInterval(timer);
    };
  }, [running]);
  return time;
}

/** `1:05`, never below zero. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
