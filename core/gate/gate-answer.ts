/** What a service may answer about a gate: an exact word, never something that merely looks like a pass. */
import * as z from 'zod';
import { cleanMessage } from './clean-text.ts';
import type { GateOutcome } from './gate.ts';

const answer = {
  status: z.enum(['passed', 'failed']),
  message: z.string().max(65_536).optional(),
  resolution: z.string().max(65_536).optional(),
};

/** Answer of a synchronous gate; members beyond these are its own affair. */
export const gateAnswerSchema = z.object(answer);
/** Body of a callback: nothing else may stand there. `runId` says which run it answers, so that it answers no other. */
export const gateCallbackSchema = z.strictObject({ ...answer, runId: z.string().min(1).max(200).optional() });

/** The texts come from outside and are cleaned here. */
export function outcomeOf({ status, message, resolution }: z.output<typeof gateAnswerSchema>): GateOutcome {
  return {
    status,
    message: cleanMessage(message ?? '') || (status === 'passed' ? 'the service says that it passed' : 'the service says that it failed'),
    resolution: cleanMessage(resolution ?? '') || (status === 'passed' ? '' : 'see what the service reports, then POST …/retry'),
  };
}
