/** The calls of a connection test at one API server: it reads, and asks what it may do. None of them changes anything. */
import type { ClusterConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import { EGRESS, type Named, type Need, type Outcome, PLACES } from '../../core/rollout/connection-test.ts';
import type { ClusterProbe } from '../../core/rollout/ports.ts';
import { type ApiCall, type ApiServer, apiCaller } from './api-call.ts';
import { accessTo } from './cluster.ts';

/** Somebody waits for the answer: short attempts, and few of them. */
const LIMITS = { attempts: 3, forbidden: 1, attemptMs: 4_000, totalMs: 8_000 };

/** Throws as connecting does: the cluster cannot be described, or its kubeconfig cannot be used. */
export async function probeCluster(configuration: ClusterConfiguration): Promise<ClusterProbe> {
  return probeAt(await accessTo(configuration));
}

/** The calls at one API server. */
export function probeAt(access: ApiServer): ClusterProbe {
  const send = apiCaller(access, LIMITS);
  const ask = async (call: ApiCall): Promise<Outcome> => {
    try {
      return { kind: 'answer', ...(await send(call)) };
    } catch (error) {
      return outcomeOf(error);
    }
  };
  return {
    server: new URL(access.server).origin,
    version: () => ask({ method: 'GET', path: '/version' }),
    may: ({ verb, group, resource, namespace, name }: Need) =>
      ask({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { verb, group, resource, namespace, ...(name === undefined ? {} : { name }) } },
        },
      }),
    read({ kind, namespace, name }: Named) {
      const { group, resource } = PLACES[kind];
      const root = group === '' ? '/api/v1' : `/apis/${group}/v1`;
      return ask({ method: 'GET', path: `${root}/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(name)}` });
    },
  };
}

/** The status of a server that is overloaded, or the code that Node gave the connection: never what the server said. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof Fault)) throw error;
  const { code = 'no answer', status } = (error.cause ?? {}) as { code?: string; status?: number };
  // The authority or the client certificate is none.
  if (/^ERR_(?:OSSL|SSL|TLS|CRYPTO)/.test(code)) return { kind: 'untrusted', code };
  if (error.code === 'UNAVAILABLE') return { kind: 'unreachable', code: status === undefined ? code : String(status) };
  return { kind: 'untrusted', code: code.includes('EGRESS') ? EGRESS : code };
}
