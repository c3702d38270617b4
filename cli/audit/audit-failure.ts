import { messageOf } from '../../core/errors.ts';
import { CommandFailure, EXIT } from '../failure.ts';
import { isMissing, WrongUse } from './read-key.ts';

/** How a verb of the log ends on an error: 2 when it was used wrongly, 6 when the place does not answer. */
export function auditFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  const isUsage = error instanceof WrongUse || isMissing(error);
  return new CommandFailure(isUsage ? EXIT.usage : EXIT.unavailable, messageOf(error), { code: isUsage ? 'USAGE' : 'UNAVAILABLE' });
}
