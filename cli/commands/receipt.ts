/** `greenlight receipt` and `greenlight verify-receipt`: the proof of one rollout, and whether it holds. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { ReceiptStatement } from '../../core/audit/receipt.ts';
import { NotAReceipt, verifyReceipt } from '../../core/audit/verify-receipt.ts';
import { readKey, WrongUse } from '../audit/read-key.ts';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import { readById, requestPath } from '../request.ts';
import type { Session } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';
import { writeResult } from '../write-result.ts';

const option = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);

export function receiptVerb(context: VerbContext): Command {
  return verb<{ output?: string }>(context, 'receipt ID', {
    summary: 'Gets the signed receipt of a finished rollout',
    examples: ['receipt PR-2026-0001 --output receipt.json', 'receipt PR-2026-0001', 'receipt PR-2026-0001 --as auditor@example.com'],
    run: async (session, [id], { output: file }) => {
      const receipt = await session.client.get<object>(await pathOf(session, id!));
      await writeResult(session, file, `${JSON.stringify(receipt)}\n`);
      return EXIT.done;
    },
  }).addOption(option('--output <FILE>', 'file for the receipt (default: stdout)'));
}

/** Auditors see no requests: where theirs went is said by the log. */
async function pathOf({ client }: Session, id: string): Promise<string> {
  try {
    return requestPath(await readById(client, id), 'receipt');
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.details.status !== 403) throw error;
    const { items } = await client.get<{ items: { environment: string | null }[] }>('/v1/audit', { request: id, limit: '1' });
    const environment = items[0]?.environment;
    if (!environment) throw new CommandFailure(EXIT.no, `the log has no request ${id}`, { code: 'NOT_FOUND' });
    return `/v1/requests/${encodeURIComponent(environment)}/${encodeURIComponent(id)}/receipt`;
  }
}

export function verifyReceiptVerb(context: VerbContext): Command {
  return verb<{ key: string }>(context, 'verify-receipt FILE', {
    summary: 'Verifies a receipt with the public key of the audit log; needs no network',
    examples: [
      'verify-receipt receipt.json --key audit.pub',
      'verify-receipt receipt.json --key audit.pub --json',
      'verify-receipt ./receipts/PR-2026-0001.json --key .greenlight/audit.pub',
    ],
    local: true,
    run: async ({ output, around }, [file], { key }) => {
      const trust = await readKey(resolve(around.cwd, key)).catch((error: unknown) => {
        throw error instanceof WrongUse ? usageFailure(error.message) : error;
      });
      const bytes = await readFile(resolve(around.cwd, file!)).catch((error: NodeJS.ErrnoException) => {
        throw usageFailure(`${file} cannot be read (${error.code ?? 'error'})`);
      });
      const verdict = verdictOf(bytes, file!, trust);
      if (!verdict.valid) {
        output.document(verdict);
        output.line(`  ${output.cross} INVALID ${verdict.reason}: ${oneLine(verdict.detail)}`);
        return EXIT.no;
      }
      const { predicate } = verdict.statement;
      output.document({
        valid: true,
        size: verdict.size,
        request: predicate.request,
        outcome: predicate.outcome,
        planHash: predicate.planHash,
      });
      for (const line of linesOf(output, predicate, verdict.size)) output.line(line);
      return EXIT.done;
    },
  }).addOption(option('--key <FILE>', 'public key of the log (PEM)').makeOptionMandatory());
}

function verdictOf(bytes: Buffer, file: string, trust: Parameters<typeof verifyReceipt>[1]) {
  try {
    return verifyReceipt(bytes, trust);
  } catch (error) {
    if (!(error instanceof NotAReceipt)) throw error;
    throw usageFailure(`${file} is no receipt: ${error.message}`, 'greenlight receipt ID --output FILE writes one');
  }
}

function linesOf(output: Output, predicate: ReceiptStatement['predicate'], size: number): string[] {
  const { request, outcome, requester, approvals, waivers, gates, copy, planHash, log } = predicate;
  const name = ({ id, email }: { id: string; email: string | null }) => oneLine(email ?? id);
  return [
    `  ${output.tick} valid: ${oneLine(request.id)} ${oneLine(request.artifact)} ${oneLine(request.version)}: ${oneLine(request.from)} → ${oneLine(request.to)}, ${oneLine(outcome.replaceAll('_', ' '))} at ${shownTime(request.endedAt)}`,
    `    digest ${oneLine(request.digest)}`,
    `    plan ${oneLine(planHash)}, asked for by ${name(requester)}`,
    ...approvals.map(
      ({ by, decision, planHash: plan, at, withdrawn }) =>
        `    ${decision === 'approve' ? 'approved' : 'rejected'} by ${name(by)} at ${shownTime(at)}${plan === planHash ? '' : ' (another plan)'}${withdrawn ? ' (withdrawn)' : ''}`,
    ),
    ...gates.map(({ name: gate, status }) => `    gate ${oneLine(gate)}: ${oneLine(status)}`),
    ...waivers.map(({ gate, by }) => `    gate ${oneLine(gate)} waived by ${oneLine(by)}`),
    ...(copy?.registries ?? []).map(
      ({ name: registry, closureRoot }) => `    copied to ${oneLine(registry)}: ${oneLine(closureRoot ?? 'not verified')}`,
    ),
    `    ${log.events.length} events proven in ${oneLine(log.origin)} of ${size} lines`,
  ];
}
