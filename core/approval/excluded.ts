/** Who counts as the requester of a promotion and therefore never decides on it. One function, whatever asks: decision, list, mail, explanation. */
import { isSamePerson, type Party } from '../access/identity.ts';
import type { Promotion } from '../promotion/promotion.ts';

export type Exclusion = 'requester' | 'owner' | 'editor' | 'forced';

/** Why the person may not decide: asked for it, owns the robot that did, changed the plan (or owns the robot that did), or forced a gate. */
export function exclusionOf(
  promotion: Pick<Promotion, 'requester' | 'editors'> & Partial<Pick<Promotion, 'waivers'>>,
  person: Party,
): Exclusion | undefined {
  const { requester, editors, waivers = [] } = promotion;
  if (isSamePerson(requester, person)) return 'requester';
  if (requester.owner && isSamePerson(requester.owner, person)) return 'owner';
  if (editors.some((editor) => isSamePerson(editor, person) || (editor.owner && isSamePerson(editor.owner, person)))) return 'editor';
  if (waivers.some(({ by }) => isSamePerson(by, person))) return 'forced';
  return undefined;
}

/** The exclusion in words. */
export const EXCLUSION_WORDS: Readonly<Record<Exclusion, string>> = {
  requester: 'who requested a promotion cannot decide on it',
  owner: 'who owns the robot that requested a promotion cannot decide on it',
  editor: 'who edited a promotion cannot decide on it',
  forced: 'who waived a gate of a promotion cannot decide on it',
};
