/** `POST /v1/environments/{env}/connection-test`: whether rollouts could reach the cluster of an environment and do there what they have to. */
import type * as z from 'zod';
import { invokeNow } from '../../adapters/promotion/function-calls.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { belongsToTenant } from '../../core/access/membership.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import type { ConnectionReport } from '../../core/rollout/connection-test.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import type { connectionTestBody } from './routes.ts';
import type { ConnectionTestEvent } from './test-connection.task.ts';

/** More than a test takes, less than the caller of the API waits. */
const PATIENCE_MS = 24_000;

/** Found: the artifacts that are looked at, which are those of the caller's tenants. */
export const runConnectionTest: TwoPhaseHandler<string[], z.infer<typeof connectionTestBody>> = {
  async find({ body, caller, configuration }: HttpCall<unknown, unknown>) {
    const { artifact } = (body ?? {}) as { artifact?: unknown };
    const own = Object.values(configuration.artifacts).filter(({ tenant }) => belongsToTenant(caller.membership, tenant));
    if (typeof artifact !== 'string') return own.flatMap(({ name, workload }) => (workload ? [name] : []));
    if (own.every(({ name }) => name !== artifact))
      throw new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that your tenant owns it' });
    return [artifact];
  },
  async handle(call, artifacts) {
    const event: ConnectionTestEvent = { task: 'test-connection', environment: call.params['env']!, artifacts };
    return { status: 200, body: await ask(event) };
  },
};

async function ask(event: ConnectionTestEvent): Promise<ConnectionReport> {
  try {
    return await invokeNow<ConnectionReport>(requiredVariable(VARIABLES.ROLLOUT_FUNCTION), event, AbortSignal.timeout(PATIENCE_MS));
  } catch (error) {
    throw new Fault('UNAVAILABLE', 'the function that reaches clusters does not answer', { cause: error });
  }
}
