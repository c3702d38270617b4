/** `POST /v1/audit/exports` and `GET /v1/audit/exports/{id}`: copies of the log for reviews. They are made apart, because they may take minutes. */
import type * as z from 'zod';
import { exportFiles } from '../../adapters/audit/export-files.ts';
import { exportRows, type LogExport } from '../../adapters/audit/export-rows.ts';
import { invokeLater } from '../../adapters/promotion/function-calls.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { knowsTenant } from '../../core/access/audit-reach.ts';
import type { Membership } from '../../core/access/membership.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { Refusal } from '../../core/errors.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { log } from '../kit/log.ts';
import { clock, table } from '../kit/state.ts';
import type { exportBody } from './routes.ts';

const rows = exportRows(table, clock);
const files = exportFiles();

/** Another tenant is as unknown as none. */
export const exportAudit: TwoPhaseHandler<void, z.infer<typeof exportBody>> = {
  async find({ body, caller }) {
    const tenant = (body as { tenant?: unknown } | null | undefined)?.tenant;
    if (typeof tenant === 'string' && !knowsTenant(caller.membership, tenant)) throw new Refusal('NOT_FOUND', 'there is no such tenant');
    refusePartial(caller.membership);
  },
  async handle(call) {
    const { format, tenant, from, to } = call.body;
    const { membership } = call.caller;
    const tenants = tenant === undefined ? (membership.tenants === 'all' ? undefined : [...membership.tenants]) : [tenant];
    if (format === 'bundle' && tenants?.length !== 1) {
      throw new Refusal('INVALID_REQUEST', 'a bundle is of one tenant', { errors: [{ path: '/tenant', message: 'must name the tenant' }] });
    }
    if (format === 'tlog-tiles' && (membership.tenants !== 'all' || tenant !== undefined)) {
      throw new Refusal('FORBIDDEN', 'the tiles hold the events of every tenant', { hint: 'ask for a bundle: it proves one tenant' });
    }
    const asked = await rows.ask(
      {
        format,
        ...(tenants === undefined ? {} : { tenants }),
        ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
        ...(to === undefined ? {} : { to: new Date(to).toISOString() }),
      },
      actingOf(call),
    );
    // The schedule makes it within a minute all the same.
    await invokeLater(requiredVariable(VARIABLES.ATTEST_FUNCTION)).catch((error: unknown) => log.warn('attest not called', { error }));
    return { status: 202, body: { exportId: asked.id } };
  },
};

/** Exports are whole: who audits some environments only searches. */
function refusePartial({ grants }: Membership): void {
  const isWhole = grants.some(({ verbs, environments }) => verbs.has('audit.export') && environments === undefined);
  if (!isWhole) throw new Refusal('FORBIDDEN', 'your roles do not include the verb "audit.export" for all environments');
}

const ID = /^ex-[0-9a-f]{16}$/;

export const getExport: TwoPhaseHandler<LogExport> = {
  async find({ params, caller }) {
    const id = params['exportId']!;
    const found = ID.test(id) ? await rows.get(id) : undefined;
    if (found?.owner !== caller.actor.key)
      throw new Refusal('NOT_FOUND', 'there is no such export', { hint: 'exports are kept for a week' });
    return found;
  },
  async handle(_call: HttpCall, { id, format, status, createdAt, lines, problem, file }) {
    const address = file === undefined ? undefined : await files.address(file);
    const expires = address && { urlExpiresAt: new Date(clock.now().getTime() + address.expiresInSeconds * 1000).toISOString() };
    return {
      status: 200,
      body: {
        ...{ exportId: id, format, status, createdAt, url: address?.url ?? null },
        ...(lines === undefined ? {} : { lines }),
        ...(problem === undefined ? {} : { problem }),
        ...expires,
      },
    };
  },
};
