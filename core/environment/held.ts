/** A version that was rolled back from an environment comes there again only because a person wants it. */
import type { Actor } from '../access/identity.ts';
import { refuseRobot } from '../access/robot.ts';
import type { EnvironmentRecord, RolledBack } from './environment.ts';

/** When and by which request the digest was rolled back; undefined where it was not, or has succeeded there since. */
export function heldVersion(record: Pick<EnvironmentRecord, 'held'> | undefined, digest: string): RolledBack | undefined {
  return record?.held?.find((each) => each.digest === digest);
}

/** Refusal HUMAN_REQUIRED for a robot that asks for a version which is held. */
export function refuseHeldVersion(
  record: Pick<EnvironmentRecord, 'held'> | undefined,
  { digest, to }: { digest: string; to: string },
  actor: Pick<Actor, 'kind'>,
): void {
  const held = heldVersion(record, digest);
  if (held) refuseRobot(actor, `ask for ${held.version}, because it was rolled back from ${to} at ${held.at} (${held.requestId})`);
}
