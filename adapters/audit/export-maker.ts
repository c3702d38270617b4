/** Makes exports out of the sealed log. What the caller may not see is not in them; in a bundle it appears as hashes only. */
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { CSV_HEADER, csvRecord, type NamedActor, ndjsonRecord } from '../../core/audit/export.ts';
import { batchName, linesOf, manifestName } from '../../core/audit/layout.ts';
import { entryOf, type LogEntry } from '../../core/audit/log-entry.ts';
import { leafHash, rootOfLeaves } from '../../core/audit/merkle.ts';
import { TILE_WIDTH, tileName } from '../../core/audit/tiles.ts';
import { Refusal } from '../../core/errors.ts';
import type { WhoIs } from '../access/who-is.ts';
import type { AuditVault } from './audit-vault.ts';
import { BUNDLE_README, BUNDLE_VERIFIER } from './bundle-verifier.ts';
import type { LogExport } from './export-rows.ts';
import type { LogState } from './log-head.ts';

export interface ExportParts {
  log: Pick<AuditVault, 'read'>;
  state: Pick<LogState, 'head'>;
  people: Pick<WhoIs, 'personBehind'>;
}

export interface ExportedFile {
  bytes: Buffer;
  extension: string;
  contentType: string;
  /** Lines of the log that are in it. */
  lines: number;
}

/** Bytes of text that one export may have: the function has 512 MB. */
const LARGEST = 100 * 1024 * 1024;

interface Selected {
  index: number;
  line: Buffer;
  entry: LogEntry;
}

/** Refusal LIMIT when it would be too large. */
export async function makeExport({ log, state, people }: ExportParts, wanted: LogExport): Promise<ExportedFile> {
  const head = await state.head();
  const size = head?.tree.size ?? 0;
  const leaves: Buffer[] = [];
  const entries: Buffer[] = [];
  const selected: Selected[] = [];
  let bytes = 0;
  for (let start = 0; start < size; ) {
    const lines = linesOf((await log.read(batchName(start))) ?? Buffer.alloc(0));
    if (!lines) throw new Error(`the log has no batch ${start}`);
    for (const [offset, line] of lines.entries()) {
      const index = start + offset;
      leaves.push(leafHash(line));
      const entry = entryOf(line, index);
      const isWanted = entry !== undefined && isSelected(wanted, entry);
      if (isWanted) selected.push({ index, line, entry });
      if (wanted.format === 'tlog-tiles') entries.push(line);
      bytes += isWanted || wanted.format === 'tlog-tiles' ? line.length : 32;
      if (bytes > LARGEST)
        throw new Refusal('LIMIT', `this export is larger than ${LARGEST} bytes`, { hint: 'ask for a shorter time with "from" and "to"' });
    }
    start += lines.length;
  }
  const checkpoint = Buffer.from(head?.checkpoint ?? '');
  switch (wanted.format) {
    case 'ndjson':
    case 'csv': {
      const name = await namesOf(people, selected);
      const records = selected.map(({ index, line, entry }) =>
        wanted.format === 'csv'
          ? csvRecord(entry, name(entry.actor.id))
          : ndjsonRecord(index, line.toString('utf8'), { id: entry.actor.id, ...name(entry.actor.id) }),
      );
      const text = `${wanted.format === 'csv' ? CSV_HEADER : ''}${records.join('')}`;
      const contentType = wanted.format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson';
      return { bytes: Buffer.from(text), extension: wanted.format, contentType, lines: selected.length };
    }
    case 'bundle': {
      const files: [string, Buffer][] = [
        ['README', Buffer.from(BUNDLE_README)],
        ['verify.mjs', Buffer.from(BUNDLE_VERIFIER)],
        ['checkpoint', checkpoint],
        ['leaves', Buffer.from(leaves.map((leaf) => `${leaf.toString('hex')}\n`).join(''))],
        [
          'lines.ndjson',
          Buffer.from(selected.map(({ index, line }) => `${JSON.stringify({ index, line: line.toString('utf8') })}\n`).join('')),
        ],
        ...(await keysOf(log)),
      ];
      return { ...(await archive(files)), lines: selected.length };
    }
    case 'tlog-tiles':
      return {
        ...(await archive([['checkpoint', checkpoint], ...tilesOf(leaves), ...entryBundlesOf(entries), ...(await keysOf(log))])),
        lines: entries.length,
      };
  }
}

function isSelected({ tenants, from, to }: LogExport, { tenant, ts }: LogEntry): boolean {
  return (tenants === undefined || tenants.includes(tenant)) && (from === undefined || ts >= from) && (to === undefined || ts <= to);
}

async function namesOf(people: ExportParts['people'], selected: readonly Selected[]): Promise<(id: string) => NamedActor> {
  const known = new Map<string, NamedActor>();
  for (const id of new Set(selected.map(({ entry }) => entry.actor.id))) {
    const person = await people.personBehind(id);
    known.set(id, { email: person?.email ?? null, name: person?.name ?? null });
  }
  return (id) => known.get(id)!;
}

async function keysOf(log: ExportParts['log']): Promise<[string, Buffer][]> {
  const keys: [string, Buffer][] = [];
  for (let bytes = await log.read(manifestName(1)); bytes; bytes = await log.read(manifestName(keys.length + 1)))
    keys.push([manifestName(keys.length + 1), bytes]);
  return keys;
}

/** Every tile of the tree (C2SP tlog-tiles), the last of each level as far as it goes. */
function tilesOf(leaves: readonly Buffer[]): [string, Buffer][] {
  const tiles: [string, Buffer][] = [];
  let hashes = leaves;
  for (let level = 0; hashes.length > 0; level++) {
    const above: Buffer[] = [];
    for (let index = 0; index * TILE_WIDTH < hashes.length; index++) {
      const row = hashes.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
      tiles.push([tileName({ level, index, width: row.length }), Buffer.concat(row)]);
      if (row.length === TILE_WIDTH) above.push(rootOfLeaves(row));
    }
    hashes = above;
  }
  return tiles;
}

/** The lines in bundles of 256, each with its length in two bytes before it. */
function entryBundlesOf(lines: readonly Buffer[]): [string, Buffer][] {
  return Array.from({ length: Math.ceil(lines.length / TILE_WIDTH) }, (_, index) => {
    const row = lines.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
    const parts = row.flatMap((line) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(line.length);
      return [length, line];
    });
    return [tileName({ level: 0, index, width: row.length }).replace(/^tile\/0\//, 'tile/entries/'), Buffer.concat(parts)];
  });
}

async function archive(files: readonly [string, Buffer][]): Promise<Omit<ExportedFile, 'lines'>> {
  const packing = pack();
  const chunks: Buffer[] = [];
  packing.on('data', (chunk: unknown) => void chunks.push(chunk as Buffer));
  for (const [name, bytes] of files) packing.entry({ name, mtime: new Date(0) }, bytes);
  packing.finalize();
  await once(packing, 'end');
  return { bytes: gzipSync(Buffer.concat(chunks)), extension: 'tar.gz', contentType: 'application/gzip' };
}
