import type { Stage } from '../stage.ts';
import type { Stream } from '../traffic.ts';

/**
 * Something real that goes wrong, and what has to fire for it. An alert is written without `Vestibule`, and with what it is
 * about where it names that: its project, or whose pod it is (`server`: of the release; else the pod's name).
 */
export interface Fault {
  what: string;
  /** What needs to be done while no Prometheus looks, as it takes time for which other alerts would fire. */
  prepare?(stage: Stage): Promise<unknown>;
  begin(stage: Stage): Promise<unknown>;
  /** While it lasts, beside ordinary callers. */
  traffic?(stage: Stage): Promise<Stream[]> | Stream[];
  end(stage: Stage): Promise<unknown>;
  /** All of them, and no other. */
  fires: readonly string[];
  /** But for these, which are as true, and come or not by the moment. */
  mayFire?: readonly string[];
  /** Those of them that look back so far that they are not waited for afterwards. */
  lingers?: readonly string[];
  /** How many times faster than the rules' its time passes; `FACTOR` unless told. */
  factor?: number;
  /** Most that it takes until all of them fire, where a minute is too little. */
  withinMs?: number;
}
