/** `greenlight audit search`: who did what, where and when, out of the sealed log. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface AuditEventView {
  index: number;
  id: string;
  type: string;
  at: string;
  actor: { id: string; email: string | null };
  summary: string;
}

type Options = SharedOptions & Partial<Record<'environment' | 'request' | 'user' | 'type' | 'tenant' | 'from' | 'to' | 'limit', string>>;

/** Newest events that are shown unless more are asked for. */
const USUAL = 25;
/** What one call answers at most. */
const PAGE = 100;

export function searchVerb(context: VerbContext): Command {
  const option = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<Options>(context, 'search', {
    summary: 'Searches the audit log, newest first',
    examples: [
      'audit search --artifact payment-api --environment prod',
      'audit search --user lead@example.com --from 2026-11-01T00:00:00Z',
      'audit search --type approval.decided --limit 200 --json',
    ],
    run: async ({ client, output }, _operands, { artifact, environment, request, user, type, tenant, from, to, limit }) => {
      const wanted = limit === undefined ? USUAL : Number(limit);
      const items: AuditEventView[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.get<{ items: AuditEventView[]; nextCursor?: string }>('/v1/audit', {
          ...{ artifact, environment, request, user, type, tenant, from, to, cursor },
          limit: String(Math.min(PAGE, wanted - items.length)),
        });
        items.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== undefined && items.length < wanted);
      output.document({ items });
      for (const { index, id, at, actor, summary } of items) {
        output.line(
          `${String(index).padStart(7)}  ${shownTime(at)}  ${oneLine(actor.email ?? actor.id)}  ${oneLine(summary)}  ${oneLine(id)}`,
        );
      }
      if (items.length === 0) output.talk('nothing was found: what happened a moment ago is sealed first');
      else if (cursor !== undefined) output.talk('there is more: give --limit, or a time with --from and --to');
      return EXIT.done;
    },
  })
    .addOption(option('--environment <ENV>', 'environment that was changed'))
    .addOption(option('--request <ID>', 'one request'))
    .addOption(option('--user <NAME>', 'address of a person, or a pseudonym'))
    .addOption(option('--type <TYPE>', 'type of event, e.g. approval.decided'))
    .addOption(option('--tenant <TENANT>', 'one tenant'))
    .addOption(option('--from <TIME>', 'not before, e.g. 2026-11-01T00:00:00Z'))
    .addOption(option('--to <TIME>', 'not after'))
    .addOption(
      new Option('--limit <COUNT>', `events to show (default: ${USUAL})`).argParser((value) => {
        if (!/^[1-9]\d{0,4}$/.test(value)) throw new InvalidArgumentError('Give a number from 1 to 99999.');
        return value;
      }),
    );
}
