import type { Page } from 'playwright-core';
import { PROJECT, type Stack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';
import type { OpenedPage, PageBrowser, PageOptions } from './browser.ts';

/** Nobody outside is asked, not even a STUN server; pages that speak find a microphone that beeps. */
export const TALKING = [
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
  '--use-fake-device-for-media-stream',
];

/** Far more than it takes: a machine may do other things as well. */
const CONNECTED_MS = 20_000;

export interface PlaygroundOptions extends PageOptions {
  /** As its operator wrote it; the one of the stack by default. */
  project?: string;
  /** Instead of the stack's first service. */
  url?: string;
}

/** The playground, as somebody uses it. */
export class Playground {
  readonly page: Page;
  readonly problems: string[];
  readonly close: () => Promise<void>;
  readonly #stack: Stack;
  readonly #project: string;

  private constructor(stack: Stack, { page, problems, close }: OpenedPage, project: string) {
    this.#stack = stack;
    this.#project = project;
    this.page = page;
    this.problems = problems;
    this.close = close;
  }

  static async open(
    stack: Stack,
    browser: PageBrowser,
    options: PlaygroundOptions = {},
  ): Promise<Playground> {
    const { project = PROJECT, url = stack.url, ...rest } = options;
    const origins = [new URL(stack.simulator.url).origin];
    const opened = await browser.open(`${url}/playground`, { origins, ...rest });
    const playground = new Playground(stack, opened, project);
    await opened.page.getByLabel('Project id').fill(project);
    return playground;
  }

  async start(): Promise<void> {
    await this.button('Start').click();
  }

  async connect(): Promise<void> {
    await this.start();
    await this.status('connected');
  }

  button(name: string) {
    return this.page.getByRole('button', { name, exact: true });
  }

  async status(text: string): Promise<void> {
    const status = this.page.getByRole('region', { name: 'Status' }).getByRole('status');
    await status.getByText(text, { exact: true }).waitFor({ timeout: CONNECTED_MS });
  }

  /** An event of the channel, in the list. */
  async event(type: string): Promise<void> {
    const events = this.page.getByRole('list', { name: 'Events, newest first' });
    await events.getByText(type, { exact: true }).first().waitFor({ timeout: CONNECTED_MS });
  }

  /** What the page says of a problem. */
  async problem(): Promise<string> {
    const alert = this.page.getByRole('alert');
    await alert.waitFor({ timeout: CONNECTED_MS });
    return alert.innerText();
  }

  /** How loud a side is now, 0 to 1. */
  async level(side: 'input' | 'output'): Promise<number> {
    const canvas = this.page.getByRole('img', { name: 'Loudness of both sides over time' });
    return Number(await canvas.getAttribute(`data-${side}`));
  }

  /** Slots of the project that are taken, as the service tells; of an unknown one, none. */
  async slotsTaken(): Promise<number> {
    const { json } = await this.#stack.admin('/projects');
    const projects = json.projects as { project_id: string; active_sessions: number }[];
    return projects.find(({ project_id }) => project_id === this.#project)?.active_sessions ?? 0;
  }

  async slotIsFree(deadlineMs: number): Promise<void> {
    await until('the slot is free', async () => (await this.slotsTaken()) === 0, deadlineMs);
  }
}
