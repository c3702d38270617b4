/** What the way back restores. */
import type { Plan } from '../promotion/plan.ts';
import { BEFORE, type Holder, isOurs } from './deployment-change.ts';
import { digestOf, withDigest } from './image.ts';
import { type Deployment, imageOf } from './workload.ts';

/**
 * Image that the Deployment gets back: the digest that the plan names, from the repository that the Deployment uses. Where the plan names none
 * (nothing was recorded there), what the Deployment had before this request first wrote it. A reference that is right stays as it is spelled, so
 * that pods which need not change are not replaced.
 */
export function imageToRestore(deployment: Deployment, container: string, plan: Plan, holder: Holder): string | undefined {
  const image = imageOf(deployment, container);
  if (image === undefined) return undefined;
  if (plan.rollbackTarget === null) return (isOurs(deployment, holder) ? deployment.metadata.annotations?.[BEFORE] : undefined) ?? image;
  const digest = digestOf(image);
  // A tag only: written before us, and not changed by us, as we write digests.
  return digest === undefined || digest === plan.rollbackTarget ? image : withDigest(image, plan.rollbackTarget);
}
