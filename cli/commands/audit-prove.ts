/** `greenlight audit prove`: the proof that one event is in the log, as a file that `audit verify-proof` reads. */
import { type Command, Option } from 'commander';
import { eventId } from '../../core/audit/line.ts';
import type { ProofFile } from '../../core/audit/proof-file.ts';
import { CommandFailure, EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { isRequestId } from '../request.ts';
import type { Session } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';
import { writeResult } from '../write-result.ts';

export function proveVerb(context: VerbContext): Command {
  return verb<{ output?: string }>(context, 'prove ID', {
    summary: 'Proves that an event is in the audit log; ID as audit search shows it, or REQUEST:NUMBER, or a request for its last event',
    examples: [
      'audit prove 0123456789abcdef0123456789abcdef --output proof.json',
      'audit prove PR-2026-0001:3 --output approval.json',
      'audit prove PR-2026-0001 --json',
    ],
    run: async (session, [id], { output: file }) => {
      const proof = await session.client.get<ProofFile>(`/v1/audit/${encodeURIComponent(await idOf(session, id!))}/proof`);
      await writeResult(session, file, `${JSON.stringify(proof)}\n`);
      return EXIT.done;
    },
  }).addOption(new Option('--output <FILE>', 'file for the proof (default: stdout)').argParser(notEmpty));
}

async function idOf({ client }: Session, id: string): Promise<string> {
  const [, request, number] = /^(.+):([1-9]\d{0,8})$/.exec(id) ?? [];
  if (request !== undefined && !/^[0-9a-f]{32}$/.test(id)) return eventId(request, Number(number));
  if (!isRequestId(id)) return id;
  const { items } = await client.get<{ items: { id: string }[] }>('/v1/audit', { request: id, limit: '1' });
  if (items[0]) return items[0].id;
  throw new CommandFailure(EXIT.no, `the log has no event of ${id}`, {
    code: 'NOT_FOUND',
    hint: 'what happened a moment ago is sealed first: try again',
  });
}
