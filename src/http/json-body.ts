import type { FastifyRequest } from 'fastify';
import { safeParse } from 'secure-json-parse';
import { AppError } from '../common/app-error.ts';
import { isRecord } from '../common/json.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_DEPTH = 32;
const MAX_VALUES = 4_096;
const READ_TIMEOUT_MS = 10_000;

export interface BodyOptions {
  /** Also take text/plain, which `navigator.sendBeacon` can send without a preflight. */
  plainText?: boolean;
}

/**
 * Reads and parses the body, which nothing has touched before: a request that is refused for who sends it is
 * refused unread. Answers an empty object for no body.
 */
export async function readJsonObject(
  request: FastifyRequest,
  options: BodyOptions = {},
): Promise<Record<string, unknown>> {
  const text = await readText(request, options);
  if (text === '') return {};
  const problem = shapeProblem(text);
  if (problem !== undefined) throw malformed(problem);
  const parsed: unknown = safeParse(text);
  if (parsed === undefined) throw malformed('is not valid JSON');
  // safeParse answers null both for the text "null" and for keys that would reach a prototype
  if (!isRecord(parsed)) throw malformed('must be a JSON object');
  if (!isInteroperable(parsed)) throw malformed('holds a number or text that cannot be passed on as it is');
  return parsed;
}

function malformed(message: string, headers: Record<string, string> = {}): AppError {
  const details = [{ path: '/', message }];
  return new AppError('invalid_request', `The body ${message}.`, { details, headers });
}

function tooLarge(): AppError {
  return new AppError('payload_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
}

async function readText(request: FastifyRequest, options: BodyOptions): Promise<string> {
  const { headers } = request;
  const length = Number(headers['content-length'] ?? 0);
  if (length > MAX_BODY_BYTES) throw tooLarge();
  if (length === 0 && headers['transfer-encoding'] === undefined) return '';
  if (!isPlainJson(request)) checkMediaType(request, options);
  const bytes = arrivedBytes(request, length) ?? (await readBytes(request));
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('is not valid UTF-8');
  }
}

/** Keeps nothing from one text to the next. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What nearly all send, told without taking it apart. */
function isPlainJson({ headers }: FastifyRequest): boolean {
  return headers['content-type'] === 'application/json' && headers['content-encoding'] === undefined;
}

function checkMediaType(request: FastifyRequest, options: BodyOptions): void {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  const typed =
    type.trim() === 'application/json' || (options.plainText === true && type.trim() === 'text/plain');
  const charset = parameters
    .map((parameter) => parameter.trim())
    .find((parameter) => parameter.startsWith('charset='));
  const utf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (!typed || !utf8 || encoding !== 'identity') {
    throw new AppError(
      'unsupported_media_type',
      'The body must be application/json in UTF-8, not compressed.',
    );
  }
}

/** A body that came with its headers, as most do: all of it is there before anybody asks, even if not yet its end. */
function arrivedBytes({ raw }: FastifyRequest, length: number): Buffer | undefined {
  if (length === 0 || raw.readableLength !== length) return undefined;
  const bytes = raw.read() as Buffer | null;
  // Node lets go of a request only when its end was read, too.
  raw.resume();
  return bytes ?? undefined;
}

function readBytes({ raw }: FastifyRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (error?: AppError): void => {
      clearTimeout(timer);
      raw.off('data', take).off('end', settle).off('error', broken).off('close', broken);
      if (error === undefined) resolve(Buffer.concat(chunks, size));
      else reject(error);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > MAX_BODY_BYTES) settle(tooLarge());
    };
    const broken = (): void => {
      settle(malformed('did not arrive whole'));
    };
    const timer = setTimeout(() => {
      settle(malformed(`did not arrive within ${READ_TIMEOUT_MS / 1000} seconds`, { connection: 'close' }));
    }, READ_TIMEOUT_MS);
    raw.on('data', take).once('end', settle).once('error', broken).once('close', broken);
  });
}

/** Counts brackets and commas outside of strings, so that no reader meets a document that is costly to walk. */
function shapeProblem(text: string): string | undefined {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (inString) {
      if (character === BACKSLASH) index += 1;
      else if (character === QUOTE) inString = false;
    } else if (character === QUOTE) inString = true;
    else {
      depth += DEPTH_CHANGE[character] ?? 0;
      if (character === COMMA) values += 1;
    }
    if (depth > MAX_DEPTH) return 'is nested too deeply';
  }
  return values > MAX_VALUES ? 'holds too many values' : undefined;
}

/** I-JSON (RFC 7493): what readers agree about. Neither 1e999 nor half a surrogate pair survives being written again. */
function isInteroperable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isInteroperable(member));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const DEPTH_CHANGE: Readonly<Record<number, number>> = { 0x5b: 1, 0x7b: 1, 0x5d: -1, 0x7d: -1 };
