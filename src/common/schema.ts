import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { type ErrorDetail, invalidRequest } from './app-error.ts';

const MAX_DETAILS = 20;

export type Checked<T> = { ok: true; value: T } | { ok: false; details: ErrorDetail[] };

interface SchemaError {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  message: string;
  params: object;
}

export interface CheckerOptions {
  /** Name unknown fields in details: for manifests. What a caller sends is never echoed, not even a field's name. */
  nameUnknownFields?: boolean;
}

/**
 * A validator for a TypeBox schema, compiled once: fills defaults into a copy of the input, then checks it.
 * Details name the field and the rule, never the value that was sent.
 */
export function checker<S extends TSchema>(
  schema: S,
  options: CheckerOptions = {},
): (input: unknown) => Checked<Static<S>> {
  const compiled = Compile(schema);
  // Filling in costs far more than checking, so it is left out where there is nothing to fill in.
  const hasDefaults = JSON.stringify(schema).includes('"default":');
  return (input) => {
    const value: unknown = hasDefaults ? compiled.Default(structuredClone(input)) : input;
    if (compiled.Check(value)) return { ok: true, value };
    return { ok: false, details: explain(compiled.Errors(value), options) };
  };
}

/** A checker for what a caller sends: throws the 400 that says what is wrong. */
export function requestChecker<S extends TSchema>(schema: S): (input: unknown) => Static<S> {
  const check = checker(schema);
  return (input) => {
    const checked = check(input);
    if (!checked.ok) throw invalidRequest(checked.details);
    return checked.value;
  };
}

function explain(errors: SchemaError[], options: CheckerOptions): ErrorDetail[] {
  const byPath = new Map<string, ErrorDetail>();
  for (const error of errors) {
    for (const detail of details(error, options)) {
      if (byPath.size < MAX_DETAILS && !byPath.has(detail.path)) byPath.set(detail.path, detail);
    }
  }
  return [...byPath.values()];
}

function details(error: SchemaError, options: CheckerOptions): ErrorDetail[] {
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'boolean') return [];
  if (error.keyword === 'required') {
    return names(params['requiredProperties']).map((name) => ({
      path: `${error.instancePath}/${name}`,
      message: 'is required',
    }));
  }
  if (error.keyword === 'additionalProperties' && options.nameUnknownFields === true) {
    return names(params['additionalProperties']).map((name) => ({
      path: `${error.instancePath}/${name}`,
      message: 'is not a known field',
    }));
  }
  if (error.keyword === 'additionalProperties') {
    return [{ path: error.instancePath || '/', message: 'has a field that is not known here' }];
  }
  return [{ path: error.instancePath || '/', message: error.message }];
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}
