/** Runs the smoke checks of a workload through its own front door, often enough to meet the pods of the new version. */
import type { SmokeCheck } from '../../core/environment/configuration.ts';
import type { SmokeProbe } from '../../core/rollout/ports.ts';
import { gatewayOf, originOfRoute } from '../../core/rollout/route.ts';
import { judgeSmoke, lostAllowed, requestsFor } from '../../core/rollout/smoke.ts';
import type { Service } from '../../core/rollout/workload.ts';
import type { Place } from './rollout-world.ts';

/** Requests of one check in flight: a version on trial gets a little load, not a storm. */
const IN_FLIGHT = 4;

/** Why a check failed, or undefined when all passed. `weight` is the measured share of pods that run the version to be judged. */
export async function runSmoke(place: Place, probe: SmokeProbe, weight: number): Promise<string | undefined> {
  const { smoke } = place.workload;
  if (smoke.length === 0) return undefined;
  const origin = await smokeOrigin(place);
  if (origin === undefined) return `${place.traffic ? 'the Gateway' : `Service ${place.workload.name}`} has no load balancer address yet`;
  // One check after the other: mixed, a load balancer that takes pods in turn would meet the same check with the same pods.
  for (const check of smoke) {
    const reason = await runCheck(probe, origin, check, requestsFor(weight));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

async function runCheck(probe: SmokeProbe, origin: string, check: SmokeCheck, requests: number): Promise<string | undefined> {
  let left = requests;
  let lost = 0;
  let failure: string | undefined;
  const worker = async () => {
    while (left > 0 && failure === undefined) {
      left--;
      const answer = await probe(origin, check);
      if (answer.kind === 'lost' && ++lost <= lostAllowed(requests)) left++;
      else failure ??= judgeSmoke(check, answer);
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, requests) }, worker));
  return failure;
}

/** Where the checks go; undefined while the cluster has no address for it. */
export async function smokeOrigin({ cluster, namespace, workload, traffic }: Place): Promise<string | undefined> {
  if (workload.smokeOrigin !== undefined) return workload.smokeOrigin.replace(/\/+$/, '');
  if (traffic) {
    const route = await cluster.httpRoute(namespace, traffic.route);
    const parent = gatewayOf(route);
    return parent && originOfRoute(route, await cluster.gateway(parent.namespace ?? namespace, parent.name));
  }
  return originOf(await cluster.service(namespace, workload.name));
}

/** `http://address:port` of the first load balancer address; https where the Service's first port is 443 or named https. */
export function originOf(service: Service): string | undefined {
  const ingress = service.status?.loadBalancer?.ingress?.[0];
  const host = ingress?.hostname ?? ingress?.ip;
  const first = service.spec.ports?.[0];
  if (host === undefined || first === undefined) return undefined;
  const scheme = first.port === 443 || first.name === 'https' ? 'https' : 'http';
  const port = ingress?.ports?.[0]?.port ?? first.port;
  const standard = port === (scheme === 'https' ? 443 : 80);
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${standard ? '' : `:${port}`}`;
}
