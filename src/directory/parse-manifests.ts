import { parseAllDocuments } from 'yaml';
import { isRecord } from '../common/json.ts';
import {
  API_VERSIONS,
  isManifestKind,
  type Manifest,
  type ManifestId,
  type ManifestProblem,
} from '../manifests/manifest.ts';
import type { FileTimes } from './manifest-file.ts';

/** Enough for any hand-written anchor, too few for a "billion laughs". */
const MAX_ALIASES = 100;

export interface ParsedFile {
  manifests: Manifest[];
  problems: ManifestProblem[];
  /** False when documents may be missing from `manifests`, so that what was good before must stay. */
  complete: boolean;
}

/** Parses a file of one or many documents. Parser messages are replaced by ours: theirs quote the file, keys and all. */
export function parseManifests(file: string, text: string, times: FileTimes): ParsedFile {
  if (text.trim() === '') return { manifests: [], problems: [emptyFile(file)], complete: false };
  const documents = file.endsWith('.json') ? parseJson(file, text) : parseYaml(file, text);
  if ('problem' in documents) return { manifests: [], problems: [documents.problem], complete: false };
  const items = documents.values.flatMap(expandList);
  const result: ParsedFile = { manifests: [], problems: [], complete: true };
  items.forEach((item, index) => {
    const source = items.length > 1 ? `${file}#${index + 1}` : file;
    const found = identify(item, source, times);
    if ('field' in found) {
      result.problems.push(found);
      result.complete = false;
    } else {
      result.manifests.push(found);
    }
  });
  return result;
}

/** An editor that writes in place empties a file first: that must not end the sessions of the project in it. */
function emptyFile(source: string): ManifestProblem {
  return { source, field: '/', message: 'holds nothing; remove the file to remove what it held before' };
}

type Documents = { values: unknown[] } | { problem: ManifestProblem };

function parseJson(source: string, text: string): Documents {
  try {
    return { values: [JSON.parse(text)].flat() };
  } catch {
    return { problem: { source, field: '/', message: 'is not valid JSON' } };
  }
}

function parseYaml(source: string, text: string): Documents {
  const documents = parseAllDocuments(text, { prettyErrors: false, logLevel: 'silent' });
  if (!Array.isArray(documents)) return { values: [] };
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) {
    const line = text.slice(0, broken.pos[0]).split('\n').length;
    return { problem: { source, field: '/', message: `is not valid YAML at line ${line} (${broken.code})` } };
  }
  try {
    return { values: documents.map((document) => document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown) };
  } catch {
    return {
      problem: { source, field: '/', message: `has more than ${MAX_ALIASES} aliases or an unknown one` },
    };
  }
}

function expandList(document: unknown): unknown[] {
  if (document === null || document === undefined) return [];
  if (isRecord(document) && document['kind'] === 'List' && Array.isArray(document['items']))
    return document['items'];
  return [document];
}

function identify(document: unknown, source: string, times: FileTimes): Manifest | ManifestProblem {
  if (!isRecord(document)) return { source, field: '/', message: 'must be an object' };
  const { kind, metadata } = document;
  if (!isManifestKind(kind)) {
    return { source, field: '/kind', message: `must be one of ${Object.keys(API_VERSIONS).join(', ')}` };
  }
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  if (typeof name !== 'string' || !/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) {
    return { source, field: '/metadata/name', message: 'must be a DNS subdomain name' };
  }
  if (document['apiVersion'] !== undefined && document['apiVersion'] !== API_VERSIONS[kind]) {
    return { source, field: '/apiVersion', message: `must be ${API_VERSIONS[kind]}` };
  }
  const { bornAt, modifiedAt } = times;
  return { kind, name, document, source, createdAt: creationTime(metadata, bornAt), modifiedAt };
}

function creationTime(metadata: unknown, bornAt: number): number {
  const text = isRecord(metadata) ? metadata['creationTimestamp'] : undefined;
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? bornAt : time;
}

export function sameManifest(left: Manifest, right: ManifestId): boolean {
  return left.kind === right.kind && left.name === right.name;
}
