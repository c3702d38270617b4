/** The status of a pod from the states of its containers: phase and conditions, as the kubelet derives them. */
import { type Fields, type KubeObject, kubeTime } from '../kube-object.ts';

export const NODE_NAME = 'local-node';
export const NODE_IP = '127.0.0.1';

export interface ContainerState {
  name: string;
  image: string;
  imageId: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  /** `{waiting}`, `{running}` or `{terminated}`. */
  state: Fields;
  lastState: Fields;
}

/** The states that a stored pod has, or fresh ones for containers that it has none of. */
export function containerStates(pod: KubeObject): ContainerState[] {
  const known = ((pod.status?.containerStatuses ?? []) as Fields[]).map((each) => [each.name as string, each] as const);
  const byName = new Map(known);
  return ((pod.spec?.containers ?? []) as Fields[]).map((container) => {
    const status = byName.get(container.name);
    return {
      name: container.name,
      image: container.image,
      imageId: status?.imageID ?? '',
      ready: status?.ready ?? false,
      started: status?.started ?? false,
      restartCount: status?.restartCount ?? 0,
      state: status?.state ?? { waiting: { reason: 'ContainerCreating' } },
      lastState: status?.lastState ?? {},
    };
  });
}

/** The status to store. `address` is the pod's own IP. */
export function podStatus(pod: KubeObject, states: ContainerState[], address: string, now: number): Fields {
  const before = pod.status ?? {};
  const ready = states.every((state) => state.ready);
  const unready = states.filter((state) => !state.ready).map((state) => state.name);
  const message = ready ? {} : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const conditions = [
    condition(before, 'PodReadyToStartContainers', true, now),
    condition(before, 'Initialized', true, now),
    condition(before, 'Ready', ready, now, message),
    condition(before, 'ContainersReady', ready, now, message),
    condition(before, 'PodScheduled', true, now),
  ];
  return {
    ...before,
    phase: phaseOf(pod, states),
    conditions,
    hostIP: NODE_IP,
    hostIPs: [{ ip: NODE_IP }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: before.startTime ?? kubeTime(now),
    containerStatuses: states.map(({ imageId, name, image, ready: isReady, started, restartCount, state, lastState }) => ({
      name,
      state,
      lastState,
      ready: isReady,
      restartCount,
      image,
      imageID: imageId,
      started,
      ...(imageId ? { containerID: `containerd://${pod.metadata.uid.replaceAll('-', '')}${restartCount}` } : {}),
    })),
  };
}

function phaseOf(pod: KubeObject, states: ContainerState[]): string {
  const ended = states.every(({ state }) => state.terminated);
  // A restart is coming unless the policy forbids it; containers here only ever end by crashing.
  if (ended && pod.spec?.restartPolicy === 'Never') return 'Failed';
  const begun = states.every(
    ({ state, restartCount, lastState }) => state.running || state.terminated || restartCount > 0 || lastState.terminated,
  );
  return begun ? 'Running' : 'Pending';
}

/** A condition, with the time of its last change. */
export function condition(before: Fields, type: string, status: boolean, now: number, more: Fields = {}): Fields {
  const known = ((before.conditions ?? []) as Fields[]).find((each) => each.type === type);
  const text = status ? 'True' : 'False';
  const lastTransitionTime = known?.status === text ? known.lastTransitionTime : kubeTime(now);
  return { type, status: text, lastProbeTime: null, lastTransitionTime, ...more };
}
