/** ECR operations on the registry as a whole. */
import * as z from 'zod';
import { EcrError } from './ecr-error.ts';
import { type Operation, operation, seconds } from './operation.ts';

export const authorizationOperations: Record<string, Operation> = {
  /** The password belongs to the caller and counts at every registry; IAM and the repository policies decide what it opens. */
  GetAuthorizationToken: operation('account', z.object({ registryIds: z.array(z.string()).min(1).max(10).optional() }), (call, input) => {
    const ids = input.registryIds ?? [call.home.account];
    const authorizationData = ids.map((id) => {
      const registry = call.registries.find(({ account }) => account === id);
      if (!registry) throw new EcrError('InvalidParameterException', `Invalid parameter: there is no registry with id '${id}'`);
      const { password, expires } = call.tokens.issue(call.caller);
      return {
        authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
        expiresAt: seconds(expires),
        proxyEndpoint: `http://${registry.address}`,
      };
    });
    return { authorizationData };
  }),
  DescribeRegistry: operation('account', z.object({}), ({ home }) => ({
    registryId: home.account,
    replicationConfiguration: { rules: [] },
  })),
};
