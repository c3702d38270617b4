/** What the rollout reads of the Kubernetes API: the members of `apps/v1` and `v1` objects that it uses, as the API spells them. */

export interface ObjectMeta {
  name: string;
  namespace?: string;
  resourceVersion: string;
  generation?: number;
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  deletionTimestamp?: string;
}

interface Container {
  name: string;
  image: string;
}

export interface Deployment {
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    replicas?: number;
    selector: { matchLabels?: Record<string, string> };
    template: { spec: { containers: Container[] } };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  imageID: string;
  state?: { waiting?: { reason?: string; message?: string } };
}

export interface Pod {
  metadata: ObjectMeta;
  spec: { containers: Container[] };
  status?: { phase?: string; conditions?: { type: string; status: string }[]; containerStatuses?: ContainerStatus[] };
}

export interface Service {
  metadata: ObjectMeta;
  spec: { ports?: { port: number; name?: string }[] };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string; ports?: { port: number }[] }[] } };
}

/** Members of a Deployment that a patch sets. */
export interface DeploymentPatch {
  metadata: { resourceVersion: string; annotations: Record<string, string> };
  spec: { replicas: number; template: { spec: { containers: Container[] } } };
}

/** Replicas that the Deployment asks for: the API's default is 1. */
export function wantedReplicas(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1;
}

/** Image of the container, undefined where the Deployment has no container of that name. */
export function imageOf(deployment: Deployment, container: string): string | undefined {
  return deployment.spec.template.spec.containers.find(({ name }) => name === container)?.image;
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
