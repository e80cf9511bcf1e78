import type { FactoryProvider } from '@nestjs/common';

type Token<T = unknown> = abstract new (...args: never[]) => T;
type Instances<Tokens extends Token[]> = { [K in keyof Tokens]: InstanceType<Tokens[K]> };

/** A Nest provider whose factory is checked against what is injected. */
export function provide<T, const Tokens extends Token[]>(
  token: Token<T>,
  inject: [...Tokens],
  useFactory: (...dependencies: Instances<Tokens>) => T,
): FactoryProvider<T> {
  return { provide: token, inject, useFactory: useFactory as (...dependencies: unknown[]) => T };
}
