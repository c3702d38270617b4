/** A request in half a line, for subjects, pages and messages: what it moves where. */
import type { PromotionKind } from './promotion.ts';

export interface Move {
  kind: PromotionKind;
  artifact: string;
  releaseVersion: string;
  from: string;
  to: string;
}

/** `payment-api 1.1.0: staging → prod`. All names are foreign text. */
export function moveOf({ kind, artifact, releaseVersion, from, to }: Move): string {
  switch (kind) {
    case 'promote':
      return `${artifact} ${releaseVersion}: ${from} → ${to}`;
    case 'repair':
      return `${artifact} ${releaseVersion}: repair of its copies in ${to}`;
    case 'rollback':
      return `${artifact}: ${to} back to ${releaseVersion}`;
  }
}

/** The question that an approver answers. */
export function questionOf({ kind, artifact, releaseVersion, to }: Move): string {
  switch (kind) {
    case 'promote':
      return `Promote ${artifact} ${releaseVersion} to ${to}?`;
    case 'repair':
      return `Copy ${artifact} ${releaseVersion} again to ${to}?`;
    case 'rollback':
      return `Roll ${artifact} in ${to} back to ${releaseVersion}?`;
  }
}
