import { type Document, isScalar, isSeq, parseAllDocuments, stringify } from 'yaml';
import { isRecord } from '../common/json.ts';
import type { FieldEdit, ManifestId } from '../manifests/manifest.ts';

/** The file's text with the edits made in one of its documents; comments and the other documents stay. */
export function editManifest(file: string, text: string, id: ManifestId, edits: FieldEdit[]): string {
  if (file.endsWith('.json')) return editJson(text, id, edits);
  const documents = parseDocuments(text);
  const document = documents.find((candidate) => isYaml(candidate, id));
  if (document === undefined) throw new Error('the manifest is inside a list: edit its file by hand');
  for (const edit of edits) setNode(document, edit);
  return joinDocuments(documents);
}

/** The file's text without one of its documents; undefined when none is left. */
export function removeManifest(file: string, text: string, id: ManifestId): string | undefined {
  if (file.endsWith('.json')) {
    const rest = parseJsonDocuments(text).filter((document) => !isPlain(document, id));
    return rest.length === 0 ? undefined : writeJson(rest);
  }
  const documents = parseDocuments(text);
  const rest = documents.filter((document) => !isYaml(document, id));
  if (rest.length === documents.length)
    throw new Error('the manifest is inside a list: edit its file by hand');
  return rest.length === 0 ? undefined : joinDocuments(rest);
}

export function newManifest(document: Record<string, unknown>): string {
  return stringify(document, { lineWidth: 0 });
}

function parseDocuments(text: string): Document[] {
  const documents = parseAllDocuments(text, { prettyErrors: false, logLevel: 'silent' });
  return Array.isArray(documents) ? documents.filter(({ contents }) => contents !== null) : [];
}

function isYaml(document: Document, { kind, name }: ManifestId): boolean {
  return document.get('kind') === kind && document.getIn(['metadata', 'name']) === name;
}

function setNode(document: Document, { path, value }: FieldEdit): void {
  if (value === undefined) {
    // deleteIn throws when the parent is missing
    if (document.hasIn(path)) document.deleteIn(path);
    return;
  }
  const parent = path.slice(0, -1);
  const found = document.getIn(parent, true);
  if (isScalar(found) || isSeq(found)) document.deleteIn(parent);
  document.setIn(path, value);
}

function joinDocuments(documents: Document[]): string {
  return documents.map((document) => document.toString({ lineWidth: 0, directives: false })).join('---\n');
}

function parseJsonDocuments(text: string): unknown[] {
  return [JSON.parse(text) as unknown].flat();
}

function writeJson(documents: unknown[]): string {
  return `${JSON.stringify(documents.length === 1 ? documents[0] : documents, null, 2)}\n`;
}

function isPlain(document: unknown, { kind, name }: ManifestId): document is Record<string, unknown> {
  return (
    isRecord(document) &&
    document['kind'] === kind &&
    isRecord(document['metadata']) &&
    document['metadata']['name'] === name
  );
}

function editJson(text: string, id: ManifestId, edits: FieldEdit[]): string {
  const documents = parseJsonDocuments(text);
  const document = documents.find((candidate) => isPlain(candidate, id));
  if (!isRecord(document)) throw new Error('the manifest is inside a list: edit its file by hand');
  for (const edit of edits) setField(document, edit);
  return writeJson(documents);
}

function setField(document: Record<string, unknown>, { path, value }: FieldEdit): void {
  let parent = document;
  for (const name of path.slice(0, -1)) {
    const child = parent[name];
    if (isRecord(child)) parent = child;
    else if (value === undefined) return;
    else parent = parent[name] = {};
  }
  const last = path.at(-1) ?? '';
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
}
