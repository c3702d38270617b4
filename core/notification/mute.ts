/** What a person or a team does not want to hear of. A task of one's own, what is critical, and what concerns security are told all the same. */
import { Refusal } from '../errors.ts';
import { isNamed, typesNamed } from './event-name.ts';
import { type Severity, usualSeverity } from './message.ts';
import { type Happening, isAlwaysTold } from './route.ts';

export interface Mute {
  id: string;
  /** Who does not hear of it: a person by identity key and address, or who hears of things as a member of a team. */
  person?: { key: string; email: string };
  team?: string;
  /** Name of the event as it was given. */
  event: string;
  environment?: string;
  /** ISO instant from which it is told again; absent: until somebody unmutes it. */
  until?: string;
  createdAt: string;
  createdBy: string;
}

/** Somebody who would be told, and why. */
export interface Listener {
  email: string;
  /** It asks them for something that only they can do. */
  isTask: boolean;
  /** They are told as a member of that team. */
  team?: string | undefined;
}

/** Whether somebody is spared of an event. */
export function isMuted(listener: Listener, happening: Happening & { severity: Severity }, mutes: readonly Mute[], now: string): boolean {
  if (listener.isTask || happening.severity === 'critical' || isAlwaysTold(happening.type)) return false;
  return mutes.some(
    (mute) =>
      (mute.until === undefined || mute.until > now) &&
      (mute.environment === undefined || mute.environment === happening.environment) &&
      isNamed(mute.event, happening) &&
      (mute.team === undefined ? mute.person!.email.toLowerCase() === listener.email.toLowerCase() : mute.team === listener.team),
  );
}

/** Refusal POLICY_FLOOR for a name that stands for nothing but what is always told. */
export function refuseAlwaysTold(event: string): void {
  if (typesNamed(event).every((type) => isAlwaysTold(type) || usualSeverity(type) === 'critical'))
    throw new Refusal('POLICY_FLOOR', `${event} cannot be muted: it is critical, about security, or a task that somebody has to do`, {
      hint: 'mute one of the other events; what is critical and what asks you for something is always told',
    });
}
