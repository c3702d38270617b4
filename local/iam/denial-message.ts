/** Says a refusal in the words that AWS uses, so that a reader finds the missing permission by the same search. */
import type { RequestAnalysis } from '@cloud-copilot/iam-simulate';

export interface Denial {
  principal: string;
  action: string;
  resource: string;
  analysis: RequestAnalysis;
}

/** e.g. `User: arn:… is not authorized to perform: s3:GetObject on resource: arn:… because no identity-based policy allows the s3:GetObject action`. */
export function denialMessage({ principal, action, resource, analysis }: Denial): string {
  return `User: ${principal} is not authorized to perform: ${action} on resource: ${resource} ${reason(action, analysis)}`;
}

function reason(action: string, analysis: RequestAnalysis): string {
  if (analysis.identityAnalysis?.result === 'ExplicitlyDenied') return 'with an explicit deny in an identity-based policy';
  const resource = analysis.resourceAnalysis?.result;
  if (resource === 'ExplicitlyDenied' || resource === 'DeniedForAccount') return 'with an explicit deny in a resource-based policy';
  // The identity may do it, yet the answer is no: another account's resource, or a key whose policy does not trust the account.
  if (analysis.identityAnalysis?.result === 'Allowed') return `because no resource-based policy allows the ${action} action`;
  return `because no identity-based policy allows the ${action} action`;
}
