import { messageOf } from '../../core/errors.ts';
import { CommandFailure, EXIT } from '../failure.ts';
import { isMissing, WrongUse } from './read-key.ts';

/** How a verb of the log ends on an error: 2 when it was used wrongly, 6 when the place does not answer. */
export function auditFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (messageOf(error) === 'Region is missing')
    return new CommandFailure(EXIT.usage, 'no region says where the bucket is', {
      code: 'USAGE',
      hint: 'set AWS_REGION, e.g. eu-central-1',
    });
  const isUsage = error instanceof WrongUse || isMissing(error);
  return new CommandFailure(isUsage ? EXIT.usage : EXIT.unavailable, messageOf(error), { code: isUsage ? 'USAGE' : 'UNAVAILABLE' });
}
