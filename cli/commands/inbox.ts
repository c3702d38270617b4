/** `greenlight inbox`: what waits for me, and why. */
import { type Command, Option } from 'commander';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { RequestLine } from '../request.ts';
import type { SharedOptions } from '../session.ts';
import { routeLine, shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface InboxLine extends RequestLine {
  reason: string;
  waitsForMe: boolean;
  risk: string;
  priority: string;
  dueAt: string;
}

interface InboxOptions extends SharedOptions {
  view: string;
  team?: string;
  risk?: string;
  priority?: string;
  project?: string;
  status?: string;
  environment?: string;
}

/** Pages that are read at most: who has more in the inbox filters. */
const MOST_PAGES = 10;

export function inboxVerb(context: VerbContext): Command {
  const filter = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<InboxOptions>(context, 'inbox', {
    summary: 'Shows what waits for me in every environment, and why',
    examples: ['inbox', 'inbox --view all --environment prod', 'inbox --risk high --json'],
    run: async ({ client, output }, _operands, { view, team, risk, priority, project, status, environment }) => {
      const query = { view, team, risk, priority, project, status, environment, limit: '100' };
      const items: InboxLine[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MOST_PAGES; page++) {
        const answer = await client.get<{ items: InboxLine[]; nextCursor?: string }>('/v1/inbox', { ...query, cursor });
        items.push(...answer.items);
        cursor = answer.nextCursor;
        if (cursor === undefined) break;
      }
      output.document({ items });
      for (const item of items) {
        const mark = item.waitsForMe ? output.paint('warn', '!') : ' ';
        output.line(
          `${mark} ${oneLine(item.metadata.id)}  ${routeLine(item)}  ${oneLine(item.risk)} risk, ${oneLine(item.priority)} priority`,
        );
        output.line(`    ${oneLine(item.reason)}; until ${shownTime(item.dueAt)}`);
      }
      if (items.length === 0) output.line(view === 'pending' ? 'Nothing waits for you' : 'Nothing is open');
      if (cursor !== undefined)
        output.talk('there is more: narrow it down by --environment, --team, --risk, --priority, --project or --status');
      return EXIT.done;
    },
  })
    .addOption(new Option('--view <VIEW>', 'whose').choices(['mine', 'pending', 'all']).default('pending'))
    .addOption(filter('--team <TEAM>', 'team or role whose approval is missing'))
    .addOption(new Option('--risk <RISK>', 'impact').choices(['low', 'medium', 'high', 'critical']))
    .addOption(new Option('--priority <PRIORITY>', 'priority').choices(['low', 'normal', 'high', 'urgent']))
    .addOption(filter('--project <PROJECT>', 'project of the artifact'))
    .addOption(new Option('--status <STATUS>', 'state').choices(['pending', 'approved', 'deploying']))
    .addOption(filter('--environment <ENV>', 'target environment'));
}
