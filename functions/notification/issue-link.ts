/** Links of one person: with a token that is theirs alone, bound to one plan. It ends with the request. */
import { randomBytes } from 'node:crypto';
import { issueToken } from '../../adapters/approval/link-keys.ts';
import { linkRows } from '../../adapters/approval/link-rows.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import type { LinkRow } from '../../core/approval/link-standing.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { clock, table } from '../kit/state.ts';

const links = linkRows(table);

/** Address of the page that asks for a decision on the plan that stands. */
export async function approvalLink(approver: string, promotion: Promotion): Promise<string> {
  return `${requiredVariable('API_ORIGIN')}/v1/approvals/link?t=${await tokenFor({ approver, planHash: promotion.planHash }, promotion)}`;
}

/** Address of the page that shows what was decided and takes it back. It decides nothing: its link has been used from the beginning. */
export async function takeBackLink(
  decided: Required<Pick<LinkRow, 'approver' | 'planHash' | 'decision'>>,
  promotion: Promotion,
): Promise<string> {
  return `${requiredVariable('API_ORIGIN')}/v1/approvals/link/revoke?t=${await tokenFor(decided, promotion)}`;
}

async function tokenFor(
  bound: Pick<LinkRow, 'approver' | 'planHash' | 'decision'>,
  { id: requestId, expiresAt }: Promotion,
): Promise<string> {
  const id = randomBytes(16).toString('hex');
  await links.issue({ id, requestId, expiresAt, ...bound });
  return issueToken({
    audience: requiredVariable('API_ORIGIN'),
    id,
    requestId,
    approver: bound.approver,
    planHash: bound.planHash,
    issuedAt: Math.floor(clock.now().getTime() / 1000),
    expiresAt: Math.floor(Date.parse(expiresAt) / 1000),
  });
}
