/** `greenlight audit export`: a copy of the audit log for a review, as a file. */
import { createWriteStream } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { EXPORT_FORMATS } from '../../core/audit/export-format.ts';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

interface ExportView {
  exportId: string;
  status: 'pending' | 'done' | 'failed';
  lines?: number;
  problem?: string;
  url: string | null;
}

type Options = SharedOptions & { format: string } & Partial<Record<'tenant' | 'from' | 'to' | 'output', string>>;

/** An export is made within seconds, or by the next run of a schedule. */
const ASK_AGAIN_MS = 1_000;
const LONGEST_MS = 10 * 60_000;

export function exportVerb(context: VerbContext): Command {
  const option = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<Options>(context, 'export', {
    summary: 'Exports the audit log: CSV, NDJSON, a bundle of one tenant that verifies itself, or tiles of the whole log',
    examples: [
      'audit export --format csv --from 2026-01-01T00:00:00Z --output review.csv',
      'audit export --format bundle --tenant tenant-finance --output bundle.tar.gz',
      'audit export --format tlog-tiles --output tiles.tar.gz --json',
    ],
    run: async (session, _operands, { format, tenant, from, to, output: named }) => {
      const { client, output, around } = session;
      const { body } = await client.post<{ exportId: string }>('/v1/audit/exports', { format, tenant, from, to });
      const ended = await untilMade(session, body.exportId);
      const file = named ?? basename(new URL(ended.url!).pathname);
      await download(session, ended.url!, resolve(around.cwd, file), file);
      output.document({ exportId: ended.exportId, file, lines: ended.lines });
      output.line(`  ${output.tick} ${ended.lines} events in ${file}`);
      return EXIT.done;
    },
  })
    .addOption(new Option('--format <FORMAT>', 'what to write').choices(EXPORT_FORMATS).default('ndjson'))
    .addOption(option('--tenant <TENANT>', 'events of one tenant'))
    .addOption(option('--from <TIME>', 'not before, e.g. 2026-11-01T00:00:00Z'))
    .addOption(option('--to <TIME>', 'not after'))
    .addOption(option('--output <FILE>', 'file to write (default: named by date and format)'));
}

async function untilMade({ client, around }: Session, id: string): Promise<ExportView> {
  const end = performance.now() + LONGEST_MS;
  for (;;) {
    const view = await client.get<ExportView>(`/v1/audit/exports/${encodeURIComponent(id)}`);
    if (view.status === 'failed') throw new CommandFailure(EXIT.no, view.problem ?? 'the export failed', { code: 'EXPORT_FAILED' });
    if (view.url !== null) return view;
    if (performance.now() >= end) throw new CommandFailure(EXIT.timeout, `the export ${id} was not made in time`, { code: 'TIMEOUT' });
    await new Promise((resolveAfter) => setTimeout(resolveAfter, ASK_AGAIN_MS));
    if (around.interrupted.aborted) throw new CommandFailure(EXIT.interrupted, 'interrupted; the export goes on', { code: 'INTERRUPTED' });
  }
}

async function download({ client }: Session, url: string, path: string, file: string): Promise<void> {
  const body = await client.download(url);
  try {
    await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? `${file} is there already` : `${file} cannot be written (${code ?? 'error'})`;
    throw usageFailure(why, 'give another name with --output');
  }
}
