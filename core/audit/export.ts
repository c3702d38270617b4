/** Exports of the log as text: one record per line whatever stands in it, and nothing that a spreadsheet would act on. */
import type { LogEntry } from './log-entry.ts';

/** What the directory knows of an actor at this moment. */
export interface NamedActor {
  email: string | null;
  name: string | null;
}

export const CSV_HEADER = `${[
  ...['index', 'at', 'type', 'request', 'tenant', 'actor', 'actor_email', 'actor_name', 'auth', 'channel', 'artifact', 'digest'],
  ...['from', 'environment', 'plan_hash', 'event_id', 'data'],
].join()}\r\n`;

/** A record of the CSV (RFC 4180). */
export function csvRecord(entry: LogEntry, { email, name }: NamedActor): string {
  const { index, ts, type, rid, tenant, actor, artifact, digest, from, to, plan, id, data } = entry;
  const cells = [
    ...[String(index), ts, type, rid, tenant, actor.id, email, name, actor.auth, actor.channel, artifact, digest],
    ...[from, to, plan, id, JSON.stringify(data)],
  ];
  return `${cells.map((cell) => cellOf(cell ?? '')).join()}\r\n`;
}

/** Begins what a spreadsheet computes or runs, in the spellings that it takes for one another. */
const ACTIVE = /^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠|%]/u;
/** Ends a record for some reader; other controls are of no use in a table. */
const BREAKS = /[\p{Cc}\u2028\u2029]/gu;

/** A cell that is shown as it is: quoted, with a quote before what would be a formula, and no line break of any kind. Its text is attacker-controlled. */
export function cellOf(text: string): string {
  const inert = ACTIVE.test(text) ? `'${text}` : text;
  return `"${escaped(inert).replaceAll('"', '""')}"`;
}

function escaped(text: string): string {
  return text.replace(BREAKS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A record of the NDJSON: the line as it stands in the log, so that its hash can be made, and who its actor is. */
export function ndjsonRecord(index: number, line: string, actor: { id: string } & NamedActor): string {
  return `${JSON.stringify({ index, actor, line }).replace(/[\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`)}\n`;
}
