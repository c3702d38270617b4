/** `greenlight approval status` and `greenlight explain`: where a request stands, and what it waits for. */
import { Command } from 'commander';
import { EXIT } from '../failure.ts';
import { type Output, oneLine } from '../output.ts';
import { type RequestView, readById, requestPath } from '../request.ts';
import type { SharedOptions } from '../session.ts';
import { routeLine, shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

export function approvalVerb(context: VerbContext): Command {
  const status = verb<SharedOptions>(context, 'status ID', {
    summary: 'Shows who approved a request, and who is still asked',
    examples: [
      'approval status PR-2026-0001',
      'approval status PR-2026-0001 --as viewer@example.com',
      'approval status PR-2026-0001 --json',
    ],
    run: async ({ client, output }, [id]) => {
      const request = await readById(client, id!);
      output.document(request);
      for (const line of statusLines(request)) output.line(line);
      return EXIT.done;
    },
  });
  return new Command('approval').description('Shows how far the approval of a request is').addCommand(status);
}

function statusLines(request: RequestView): string[] {
  const { status } = request;
  const { stages = [], required } = status.approvals ?? {};
  const decisions = (status.history ?? []).filter(({ action }) => action === 'approved' || action === 'approve');
  const when = new Map(decisions.map(({ by, at }) => [by, at]));
  const time = (person: string): string => (when.has(person) ? ` (${shownTime(when.get(person)!)})` : '');
  return [
    `Request: ${oneLine(request.metadata.id)} ${routeLine(request)}`,
    `Status: ${oneLine(wordOf(request))}`,
    ...(required === false ? ['No approval is required'] : []),
    ...stages.flatMap(({ name, rules }) =>
      rules.flatMap((rule) => [
        ...(rule.given ?? []).map((person) => `Approved by: ${oneLine(person)}${time(person)}`),
        ...((rule.given?.length ?? 0) < rule.min
          ? [
              `Needs (${oneLine(name)}): ${rule.min - (rule.given?.length ?? 0)} more of ${oneLine(rule.team)}: ${(rule.eligible ?? []).map(oneLine).join(', ') || 'nobody may'}`,
            ]
          : []),
      ]),
    ),
    ...(status.rejectedBy
      ? [`Denied by: ${oneLine(status.rejectedBy)}${status.rejectionReason ? `: ${oneLine(status.rejectionReason)}` : ''}`]
      : []),
    ...(status.phase === 'pending_approval' && status.expiresAt ? [`Expires: ${shownTime(status.expiresAt)}`] : []),
  ];
}

/** Seed 001's three words, and the phase where none of them fits. */
function wordOf({ status }: RequestView): string {
  if (status.phase === 'pending_approval') return 'pending';
  if (status.phase === 'rejected') return 'denied';
  if (status.phase === 'approved' || status.approvedAt !== undefined)
    return status.phase === 'approved' ? 'approved' : `approved, ${status.phase.replaceAll('_', ' ')}`;
  return status.phase.replaceAll('_', ' ');
}

interface Explanation {
  id: string;
  summary: string;
  conditions: { kind: string; name: string; met: boolean; message: string; resolution?: string; who?: string[] }[];
  ask: string[] | null;
  earliestStart: string | null;
  expiresAt?: string;
}

export function explainVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'explain ID', {
    summary: 'Says what a request waits for, and who can help',
    examples: ['explain PR-2026-0001', 'explain PR-2026-0001 --as dev@example.com', 'explain PR-2026-0001 --json'],
    run: async ({ client, output }, [id]) => {
      const explanation = await client.get<Explanation>(requestPath(await readById(client, id!), 'explain'));
      output.document(explanation);
      for (const line of explanationLines(output, explanation)) output.line(line);
      return EXIT.done;
    },
  });
}

function explanationLines(output: Output, { id, summary, conditions, ask, earliestStart }: Explanation): string[] {
  return [
    `${oneLine(id)}: ${oneLine(summary)}`,
    ...conditions.flatMap(({ met, name, message, who = [], resolution }) => [
      `  ${met ? output.tick : output.cross} ${oneLine(name)}: ${oneLine(message)}`,
      ...(met || who.length === 0 ? [] : [`    Who: ${who.map(oneLine).join(', ')}`]),
      ...(met || !resolution ? [] : [`    Resolution: ${oneLine(resolution)}`]),
    ]),
    ...(ask === null
      ? ['Nobody can complete the approvals: too few people may approve']
      : ask.length > 0
        ? [`Ask: ${ask.map(oneLine).join(', ')}`]
        : []),
    ...(earliestStart ? [`Earliest start: ${shownTime(earliestStart)}`] : []),
  ];
}
