/** An offer as far as a peer has to know it, and what its answer needs to fit it. */
export interface Offer {
  /** The offer without its video, and without candidates. */
  sdp: string;
  /** The answer to all of the offer: with a refusal where the offer had video. */
  complete(answer: string): string;
}

interface Section {
  kind: string;
  lines: string[];
}

const KINDS = new Set(['session', 'audio', 'video', 'application']);
const REFUSED_KIND = 'video';
const MAX_SECTIONS = 16;
/** What a section needs, of its own or of the whole description, so that it can be connected. */
const SECURITY = ['a=ice-ufrag:', 'a=ice-pwd:', 'a=fingerprint:'];

/** Undefined when it is no offer of a peer with audio or a data channel. */
export function readOffer(text: string): Offer | undefined {
  const sections = sectionsOf(text);
  const [session, ...media] = sections;
  if (session === undefined || !isWhole(session, media)) return undefined;
  const refused = media.filter(({ kind }) => kind === REFUSED_KIND);
  const mids = new Set(refused.map((section) => valueOf(section, 'a=mid:')));
  const kept = sections.filter((section) => !refused.includes(section));
  return {
    sdp: textOf(kept.map(({ kind, lines }) => ({ kind, lines: lines.flatMap((line) => keep(line, mids)) }))),
    complete: (answer) => withRefusals(sectionsOf(answer), media),
  };
}

function isWhole(session: Section, media: Section[]): boolean {
  const wanted = media.filter(({ kind }) => kind !== REFUSED_KIND);
  return (
    session.lines[0] === 'v=0' &&
    wanted.length > 0 &&
    media.length <= MAX_SECTIONS &&
    media.every(({ kind }) => KINDS.has(kind)) &&
    wanted.every((section) =>
      SECURITY.every((prefix) => (valueOf(section, prefix) ?? valueOf(session, prefix)) !== undefined),
    )
  );
}

function sectionsOf(text: string): Section[] {
  const sections: Section[] = [{ kind: 'session', lines: [] }];
  for (const line of text.split(/\r?\n/).filter((one) => one !== '')) {
    if (line.startsWith('m=')) sections.push({ kind: line.slice(2).split(' ', 1)[0] ?? '', lines: [] });
    sections.at(-1)?.lines.push(line);
  }
  return sections;
}

function textOf(sections: Section[]): string {
  return sections.flatMap(({ lines }) => lines.map((line) => `${line}\r\n`)).join('');
}

function valueOf({ lines }: Section, prefix: string): string | undefined {
  return lines.find((line) => line.startsWith(prefix))?.slice(prefix.length);
}

/**
 * The simulator only answers checks, so it needs no candidate of the other side: it looks up no mDNS name, and sends
 * nothing to where nobody asked from.
 */
function keep(line: string, refusedMids: Set<string | undefined>): string[] {
  if (/^a=(candidate:|end-of-candidates)/.test(line)) return [];
  if (!line.startsWith('a=group:BUNDLE')) return [line];
  return [
    line
      .split(' ')
      .filter((mid) => !refusedMids.has(mid))
      .join(' '),
  ];
}

function withRefusals([session, ...answered]: Section[], offered: Section[]): string {
  const whole = offered.map((section) =>
    section.kind === REFUSED_KIND ? refusalOf(section) : answered.shift(),
  );
  return textOf([session, ...whole].filter((section) => section !== undefined));
}

function refusalOf(section: Section): Section {
  const [, , protocol = 'UDP/TLS/RTP/SAVPF', format = '0'] = section.lines[0]?.split(' ') ?? [];
  const mid = valueOf(section, 'a=mid:');
  const lines = [`m=${section.kind} 0 ${protocol} ${format}`, 'c=IN IP4 0.0.0.0', 'a=inactive'];
  return { kind: section.kind, lines: mid === undefined ? lines : [...lines, `a=mid:${mid}`] };
}
