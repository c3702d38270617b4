/** `greenlight audit prove`: the proof that one event is in the log, as a file that `audit verify-proof` reads. */
import { type Command, Option } from 'commander';
import { openLog } from '../../adapters/audit/log-reader.ts';
import { eventId } from '../../core/audit/line.ts';
import type { ProofFile } from '../../core/audit/proof-file.ts';
import { proveLine } from '../../core/audit/prove-line.ts';
import { auditFailure } from '../audit/audit-failure.ts';
import { readKey, WrongUse } from '../audit/read-key.ts';
import { CommandFailure, EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import { isRequestId } from '../request.ts';
import type { Session } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';
import { writeResult } from '../write-result.ts';

const option = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);

export function proveVerb(context: VerbContext): Command {
  return verb<{ output?: string; log?: string; key?: string }>(context, 'prove ID', {
    summary: 'Proves that an event is in the audit log; ID as audit search shows it, or REQUEST:NUMBER, or a request for its last event',
    examples: [
      'audit prove 0123456789abcdef0123456789abcdef --output proof.json',
      'audit prove PR-2026-0001:3 --output approval.json',
      'audit prove 0123456789abcdef0123456789abcdef --log ./log --key audit.pub',
    ],
    run: async (session, [id], { output: file, log, key }) => {
      const proof =
        log === undefined
          ? await session.client.get<ProofFile>(`/v1/audit/${encodeURIComponent(await idOf(session, id!))}/proof`)
          : await proveFrom(log, key, id!);
      await writeResult(session, file, `${JSON.stringify(proof)}\n`);
      return EXIT.done;
    },
  })
    .addOption(option('--output <FILE>', 'file for the proof (default: stdout)'))
    .addOption(option('--log <DIR|s3://BUCKET>', 'make it from the log itself, without the API; needs --key'))
    .addOption(option('--key <FILE>', 'public key of the log (PEM)'));
}

/** The proof out of the stored objects, which are verified for it. */
async function proveFrom(place: string, keyFile: string | undefined, id: string): Promise<ProofFile> {
  try {
    if (keyFile === undefined) throw new WrongUse('--log needs --key FILE, the public key of the log');
    const key = await readKey(keyFile);
    const { verdict, proof } = await proveLine(await openLog(place), eventOf(id), { key, now: new Date() });
    if (proof) return proof;
    const { invalid } = verdict;
    const why = invalid ? `the log is INVALID, ${invalid.reason}: ${invalid.detail}` : `no event ${oneLine(id)} is in the log`;
    throw new CommandFailure(EXIT.no, why, { code: invalid ? invalid.reason : 'NOT_FOUND' });
  } catch (error) {
    throw auditFailure(error);
  }
}

/** `PR-2026-0001:3` is the third event of a request; anything else is an id. */
function eventOf(id: string): string {
  const [, request, number] = /^(.+):([1-9]\d{0,8})$/.exec(id) ?? [];
  return request === undefined ? id : eventId(request, Number(number));
}

async function idOf({ client }: Session, id: string): Promise<string> {
  if (!isRequestId(id)) return eventOf(id);
  const { items } = await client.get<{ items: { id: string }[] }>('/v1/audit', { request: id, limit: '1' });
  if (items[0]) return items[0].id;
  throw new CommandFailure(EXIT.no, `the log has no event of ${id}`, {
    code: 'NOT_FOUND',
    hint: 'what happened a moment ago is sealed first: try again',
  });
}
