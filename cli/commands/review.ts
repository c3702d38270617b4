/** `greenlight review`: looks at waived gates afterwards. */
import { Command, Option } from 'commander';
import { everyPage } from '../every-page.ts';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface ReviewView {
  id: string;
  status: string;
  requestId: string;
  environment: string;
  artifact: string;
  gate: string;
  waivedBy: string;
  dueAt: string;
  outcome?: string;
}

export function reviewVerb(context: VerbContext): Command {
  const list = verb<SharedOptions & { status?: string }>(context, 'list', {
    summary: 'Lists the reviews that break-glass has opened',
    examples: ['review list', 'review list --status overdue', 'review list --json'],
    run: async ({ client, output }, _operands, { status }) => {
      const items = await everyPage<ReviewView>(client, '/v1/reviews', { status });
      output.document({ items });
      for (const review of items) output.line(line(review));
      if (items.length === 0) output.line('There are no reviews');
      return EXIT.done;
    },
  }).addOption(new Option('--status <STATUS>', 'status').choices(['open', 'overdue', 'closed']));
  const close = verb<SharedOptions & { outcome: string; finding: string }>(context, 'close ID', {
    summary: 'Closes a review with its finding',
    examples: [
      'review close rv-0123456789abcdef --outcome justified --finding "the gate service was down"',
      'review close rv-0123456789abcdef --outcome unjustified --finding "the gate was right; version withdrawn"',
      'review close rv-0123456789abcdef --outcome justified --finding "checked by hand, nothing found" --json',
    ],
    run: async ({ client, output }, [id], { outcome, finding }) => {
      const { body } = await client.post<ReviewView>(`/v1/reviews/${encodeURIComponent(id!)}`, { outcome, finding });
      output.document(body);
      output.line(`  ${output.tick} ${line(body)}`);
      return EXIT.done;
    },
  })
    .addOption(new Option('--outcome <OUTCOME>', 'was it justified').choices(['justified', 'unjustified']).makeOptionMandatory())
    .addOption(new Option('--finding <TEXT>', 'what was found (at least 10 characters)').argParser(notEmpty).makeOptionMandatory());
  return new Command('review').description('Looks at waived gates afterwards').addCommand(list).addCommand(close);
}

function line({ id, status, requestId, environment, artifact, gate, waivedBy, dueAt, outcome }: ReviewView): string {
  const what = `${oneLine(requestId)} (${oneLine(artifact)} → ${oneLine(environment)}): gate ${oneLine(gate)}, waived by ${oneLine(waivedBy)}`;
  return `${oneLine(id)}  ${oneLine(outcome ?? status)}  ${what}, due ${shownTime(dueAt)}`;
}
