/** Shapes of what the feature approval answers. */
import * as z from 'zod';
import { impact, instant, listOf, priority } from '../kit/answer.ts';
import { summary } from '../promotion/answers.ts';

const inboxItem = summary
  .extend({
    reason: z.string(),
    waitsForMe: z.boolean(),
    risk: impact,
    priority,
    project: z.string(),
    teams: z.array(z.string()),
    since: instant,
    dueAt: instant,
  })
  .meta({ id: 'InboxItem' });

const delegation = z
  .strictObject({
    id: z.string(),
    from: z.string(),
    to: z.string().nullable(),
    since: instant,
    until: instant,
    status: z.enum(['planned', 'active', 'over', 'revoked']),
    createdAt: instant,
  })
  .meta({ id: 'Delegation' });

export const APPROVAL_ANSWERS = {
  Inbox: listOf(inboxItem).meta({ id: 'Inbox' }),
  Delegation: delegation,
  DelegationList: listOf(delegation).meta({ id: 'DelegationList' }),
  ClickAnswer: z.strictObject({ text: z.string() }).meta({ id: 'ClickAnswer' }),
} as const;
