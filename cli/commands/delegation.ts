/** `greenlight delegation`: says that an approver is away, and who decides in that place. */
import { Command, Option } from 'commander';
import { everyPage } from '../every-page.ts';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface DelegationView {
  id: string;
  from: string;
  to: string | null;
  since: string;
  until: string;
  status: string;
}

export function delegationVerb(context: VerbContext): Command {
  const time = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  const create = verb<SharedOptions & { until: string; since?: string; to?: string; from?: string }>(context, 'create', {
    summary: 'Says that I am away; with --to somebody decides in my place',
    examples: [
      'delegation create --until 2026-12-31T08:00:00Z --to security@example.com',
      'delegation create --until 2026-12-31T08:00:00Z',
      'delegation create --from lead@example.com --to qa@example.com --until 2026-12-31T08:00:00Z --as admin@example.com',
    ],
    run: async ({ client, output }, _operands, { until, since, to, from }) => {
      const body = {
        until,
        ...(since === undefined ? {} : { since }),
        ...(to === undefined ? {} : { to }),
        ...(from === undefined ? {} : { from }),
      };
      const { body: made } = await client.post<DelegationView>('/v1/delegations', body);
      output.document(made);
      output.line(`  ${output.tick} ${line(made)}`);
      return EXIT.done;
    },
  })
    .addOption(time('--until <TIME>', 'end, e.g. 2026-12-31T08:00:00Z').makeOptionMandatory())
    .addOption(time('--since <TIME>', 'beginning (default: now)'))
    .addOption(time('--to <ADDRESS>', 'who decides in that place'))
    .addOption(time('--from <ADDRESS>', 'who is away (default: me)'));
  const list = verb<SharedOptions>(context, 'list', {
    summary: 'Lists delegations that concern me',
    examples: ['delegation list', 'delegation list --as lead@example.com', 'delegation list --json'],
    run: async ({ client, output }) => {
      const items = await everyPage<DelegationView>(client, '/v1/delegations');
      output.document({ items });
      for (const delegation of items) output.line(line(delegation));
      if (items.length === 0) output.line('Nobody is away');
      return EXIT.done;
    },
  });
  const end = verb<SharedOptions>(context, 'end ID', {
    summary: 'Ends a delegation; approvals that were given by it are void',
    examples: [
      'delegation end dg-0123456789abcdef',
      'delegation end dg-0123456789abcdef --as lead@example.com',
      'delegation end dg-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id]) => {
      await client.delete(`/v1/delegations/${encodeURIComponent(id!)}`);
      output.document({ id, status: 'revoked' });
      output.line(`  ${output.tick} ${oneLine(id!)} is over`);
      return EXIT.done;
    },
  });
  return new Command('delegation')
    .description('Says who is away, and who decides in that place')
    .addCommand(create)
    .addCommand(list)
    .addCommand(end);
}

function line({ id, from, to, since, until, status }: DelegationView): string {
  const what = to === null ? 'is away' : `is away; ${oneLine(to)} decides instead`;
  return `${oneLine(id)}  ${oneLine(from)} ${what}  ${shownTime(since)} – ${shownTime(until)}  ${oneLine(status)}`;
}
