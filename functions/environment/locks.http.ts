/** `POST /v1/environments/{env}/lock` and `/unlock`: nothing begins or goes on there until somebody says so. The way back of what fails does. */
import type * as z from 'zod';
import { lockWrites } from '../../adapters/environment/lock-writes.ts';
import { artifactOf, tenantsOf } from '../../core/environment/configuration.ts';
import { EVERY, type LockSubject, lockSubject } from '../../core/environment/lock.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { clock, promotions, configuration as readConfiguration, table, wakes } from '../kit/state.ts';
import { renderLock } from './render-lock.ts';
import type { lockBody } from './routes.ts';

type LockBody = z.infer<typeof lockBody>;

const writes = lockWrites(table, clock);

export const lockEnvironment: TwoPhaseHandler<LockSubject, LockBody> = {
  find: findSubject,
  async handle(call, subject) {
    return { status: 200, body: renderLock(await writes.lock(subject, call.body.reason, actingOf(call)), true) };
  },
};

export const unlockEnvironment: TwoPhaseHandler<LockSubject, LockBody> = {
  find: findSubject,
  async handle(call, subject) {
    const ended = await writes.unlock(subject, call.body.reason, actingOf(call));
    await wakeWhoWaits(subject);
    return { status: 200, body: renderLock(ended, false) };
  },
};

async function findSubject(call: HttpCall<unknown, unknown>): Promise<LockSubject> {
  const body = (call.body ?? {}) as { tenant?: unknown; artifact?: unknown };
  const wish = {
    environment: call.params['env']!,
    ...(typeof body.tenant === 'string' ? { tenant: body.tenant } : {}),
    ...(typeof body.artifact === 'string' ? { artifact: body.artifact } : {}),
  };
  return lockSubject(wish, call.caller.membership, (artifact) => artifactOf(call.configuration, artifact)?.tenant);
}

/** Whoever is not woken here, because it began to wait meanwhile, is woken by the minute's job. */
async function wakeWhoWaits({ environment, tenant, artifact }: LockSubject): Promise<void> {
  const tenants = tenant === EVERY ? tenantsOf(await readConfiguration()) : [tenant];
  let after: string | undefined;
  do {
    const page = await promotions.listOpen({ tenants, limit: 100, ...(after === undefined ? {} : { after }) });
    for (const { id, to, attempt, waitingOn, artifact: name } of page.items) {
      if (to !== environment || waitingOn !== 'lock' || (artifact !== EVERY && artifact !== name)) continue;
      await wakes.add({ kind: 'resume', requestId: id, attempt, wait: 'turn' });
    }
    after = page.after;
  } while (after !== undefined);
}
