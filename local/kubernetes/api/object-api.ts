/** Create, read, update and delete with what the API server adds to each: defaults, validation, versions, generations, graceful deletion. */
import { randomInt, randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { alreadyExists, conflict, forbidden, type KubeError, notFound, OBJECT_MODIFIED, unexplained } from '../kube-error.ts';
import { type Fields, type KubeObject, kubeTime, sameJson } from '../kube-object.ts';
import type { ObjectStore } from '../object-store.ts';
import { NAMESPACES, PODS, type ResourceKind, SERVICES } from '../resource-kinds.ts';
import { setDefaults } from './default-fields.ts';
import { recordOwnership } from './field-ownership.ts';
import { allocateService, type ServiceAddresses } from './service-addresses.ts';
import { validateObject } from './validate-object.ts';

export interface WriteOptions {
  /** Checks everything and keeps nothing. */
  dryRun?: boolean;
  /** Name under which changed fields are owned; controllers of the cluster leave it out. */
  manager?: string;
  subresource?: 'status' | 'scale';
  /** Server-side apply has settled the owners itself. */
  ownersSettled?: boolean;
}

export interface DeleteOptions {
  dryRun?: boolean;
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: string | undefined;
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
}

const SUFFIX = 'bcdfghjklmnpqrstvwxz2456789';

/** Five letters as the API server appends them to `generateName`. */
export function nameSuffix(): string {
  return Array.from({ length: 5 }, () => SUFFIX[randomInt(SUFFIX.length)]).join('');
}

export class ObjectApi {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly #addresses: ServiceAddresses;

  constructor(store: ObjectStore, clock: Clock, addresses: ServiceAddresses) {
    this.store = store;
    this.clock = clock;
    this.#addresses = addresses;
  }

  /** Throws 404. */
  get(kind: ResourceKind, namespace: string | undefined, name: string): KubeObject {
    const object = this.store.get(kind, namespace, name);
    if (!object) throw notFound(kind, name);
    return object;
  }

  create(kind: ResourceKind, namespace: string | undefined, sent: KubeObject, options: WriteOptions = {}): KubeObject {
    const object = structuredClone(sent);
    const { metadata } = object;
    if (!metadata.name && metadata.generateName) metadata.name = metadata.generateName.slice(0, 58) + nameSuffix();
    if (kind.namespaced) {
      metadata.namespace = namespace!;
      const home = this.get(NAMESPACES, undefined, namespace!);
      if (home.metadata.deletionTimestamp) {
        throw forbidden(kind, metadata.name, `unable to create new content in namespace ${namespace} because it is being terminated`);
      }
    } else delete metadata.namespace;
    if (metadata.resourceVersion) throw unexplained('resourceVersion should not be set on objects to be created');
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    if (!options.ownersSettled) delete metadata.managedFields;
    metadata.uid = randomUUID();
    metadata.creationTimestamp = kubeTime(this.clock.now());
    metadata.resourceVersion = '';
    if (kind.generation) metadata.generation = 1;
    else delete metadata.generation;
    if (kind.subresources.includes('status')) object.status = INITIAL_STATUS[kind.kind]?.() ?? {};
    // The schema of a custom resource has a status to begin with, or none.
    if (kind.custom && !INITIAL_STATUS[kind.kind]) delete object.status;
    setDefaults(object);
    validateObject(kind, object);
    if (this.store.get(kind, namespace, metadata.name)) throw alreadyExists(kind, metadata.name);
    allocateService(this.#addresses, object);
    if (options.manager && !options.ownersSettled) recordOwnership(kind, object, undefined, options, this.clock.now());
    if (options.dryRun) {
      const { resourceVersion: _, ...unversioned } = metadata;
      return { ...object, metadata: unversioned as KubeObject['metadata'] };
    }
    return this.store.write(kind, object);
  }

  /** Replaces an object (PUT, and the end of every PATCH). Throws 409 when `metadata.resourceVersion` is given and old. */
  update(kind: ResourceKind, namespace: string | undefined, name: string, sent: KubeObject, options: WriteOptions = {}): KubeObject {
    const before = this.get(kind, namespace, name);
    if (sent.metadata.resourceVersion && sent.metadata.resourceVersion !== before.metadata.resourceVersion)
      throw conflict(kind, name, OBJECT_MODIFIED);
    if (sent.metadata.uid && sent.metadata.uid !== before.metadata.uid) {
      throw conflict(
        kind,
        name,
        `Precondition failed: UID in precondition: ${sent.metadata.uid}, UID in object meta: ${before.metadata.uid}`,
      );
    }
    const object = options.subresource === 'status' ? withStatusOf(kind, before, sent) : withoutStatusOf(kind, before, sent);
    keepSystemMetadata(object, before);
    if (!options.ownersSettled) object.metadata.managedFields = before.metadata.managedFields ?? [];
    if (options.subresource !== 'status') {
      inheritAllocated(object, before);
      setDefaults(object);
      if (isCounted(kind, object, before)) object.metadata.generation = (before.metadata.generation ?? 1) + 1;
      validateObject(kind, object, before);
      allocateService(this.#addresses, object);
    }
    if (object.metadata.managedFields?.length === 0) delete object.metadata.managedFields;
    if (sameJson(withoutTimes(object), withoutTimes(before))) return before;
    if (options.manager && !options.ownersSettled) recordOwnership(kind, object, before, options, this.clock.now());
    if (options.dryRun) return object;
    return this.#keep(kind, object);
  }

  /** What controllers use: changes a copy and stores it if it differs. Answers undefined when the object is gone. */
  change(kind: ResourceKind, of: KubeObject, edit: (copy: KubeObject) => void, subresource?: 'status'): KubeObject | undefined {
    const current = this.store.get(kind, of.metadata.namespace, of.metadata.name);
    if (!current || current.metadata.uid !== of.metadata.uid) return undefined;
    const copy = structuredClone(current);
    edit(copy);
    return this.update(kind, current.metadata.namespace, current.metadata.name, copy, subresource ? { subresource } : {});
  }

  /** Deletes or, where finalizers or a grace period stand in the way, marks as deleted. Answers the object as it is then, and whether it is gone. */
  delete(
    kind: ResourceKind,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): { object: KubeObject; gone: boolean } {
    const before = this.get(kind, namespace, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid && uid !== before.metadata.uid) {
      const found = `the UID in the precondition (${uid}) does not match the UID in record (${before.metadata.uid})`;
      throw deletionConflict(kind, name, `${found}. The object might have been deleted and then recreated`);
    }
    if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) {
      const found = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record`;
      throw deletionConflict(kind, name, `${found} (${before.metadata.resourceVersion}). The object might have been modified`);
    }
    if (options.dryRun) return { object: before, gone: true };
    const object = structuredClone(before);
    const { metadata } = object;
    const finalizer =
      options.propagationPolicy === 'Foreground' ? 'foregroundDeletion' : options.propagationPolicy === 'Orphan' ? 'orphan' : undefined;
    if (finalizer && !metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
    const grace = gracePeriod(kind, before, options.gracePeriodSeconds);
    const terminating = kind === NAMESPACES;
    if (!metadata.finalizers?.length && grace === 0 && !terminating) {
      this.store.remove(kind, before);
      return { object: before, gone: true };
    }
    const shorter = metadata.deletionGracePeriodSeconds === undefined || grace < metadata.deletionGracePeriodSeconds;
    if (metadata.deletionTimestamp && !shorter && sameJson(metadata.finalizers, before.metadata.finalizers))
      return { object: before, gone: false };
    metadata.deletionTimestamp ??= kubeTime(this.clock.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (terminating) object.status = { ...object.status, phase: 'Terminating' };
    if (kind.generation) metadata.generation = (metadata.generation ?? 1) + 1;
    return { object: this.store.write(kind, object), gone: false };
  }

  /** Removes what has been marked as deleted, once nothing holds it. */
  finish(kind: ResourceKind, of: KubeObject): void {
    const current = this.store.get(kind, of.metadata.namespace, of.metadata.name);
    if (current && current.metadata.uid === of.metadata.uid) this.store.remove(kind, current);
  }

  #keep(kind: ResourceKind, object: KubeObject): KubeObject {
    const { metadata } = object;
    const held = metadata.finalizers?.length || kind === NAMESPACES || (metadata.deletionGracePeriodSeconds ?? 0) > 0;
    if (metadata.deletionTimestamp && !held) {
      this.store.remove(kind, object);
      return object;
    }
    return this.store.write(kind, object);
  }
}

const pending = (type: string) => ({
  type,
  status: 'Unknown',
  reason: 'Pending',
  message: 'Waiting for controller',
  lastTransitionTime: '1970-01-01T00:00:00Z',
});

const INITIAL_STATUS: Record<string, () => Record<string, unknown>> = {
  Namespace: () => ({ phase: 'Active' }),
  Pod: () => ({ phase: 'Pending', qosClass: 'BestEffort' }),
  Service: () => ({ loadBalancer: {} }),
  Ingress: () => ({ loadBalancer: {} }),
  ReplicaSet: () => ({ replicas: 0 }),
  Gateway: () => ({ conditions: ['Accepted', 'Programmed'].map(pending) }),
};

/** Named by its kind, where other conflicts name the resource. */
function deletionConflict(kind: ResourceKind, name: string, message: string): KubeError {
  return conflict({ ...kind, plural: kind.kind }, name, message);
}

function gracePeriod(kind: ResourceKind, object: KubeObject, asked: number | undefined): number {
  // A pod that no node has taken has nothing to end gracefully.
  if (kind !== PODS || !object.spec?.nodeName) return 0;
  return Math.max(0, asked ?? object.spec.terminationGracePeriodSeconds ?? 30);
}

/** Does the change count up `metadata.generation`? */
function isCounted(kind: ResourceKind, object: KubeObject, before: KubeObject): boolean {
  if (!kind.generation) return false;
  return !sameJson(object.spec, before.spec) || (kind.countsAnnotations && !sameJson(annotationsOf(object), annotationsOf(before)));
}

const annotationsOf = ({ metadata }: KubeObject) => metadata.annotations ?? {};

/** The annotations come along: so a controller notes what it saw without counting up the generation. Custom resources keep theirs. */
function withStatusOf(kind: ResourceKind, before: KubeObject, sent: KubeObject): KubeObject {
  const object = { ...structuredClone(before), ...(sent.status === undefined ? {} : { status: structuredClone(sent.status) }) };
  for (const ingress of (kind === SERVICES ? (object.status?.['loadBalancer']?.ingress ?? []) : []) as Fields[])
    if (ingress['ip']) ingress['ipMode'] ??= 'VIP';
  if (!kind.custom && sent.metadata.annotations) object.metadata.annotations = structuredClone(sent.metadata.annotations);
  return object;
}

function withoutStatusOf(kind: ResourceKind, before: KubeObject, sent: KubeObject): KubeObject {
  const object = structuredClone(sent);
  if (kind.subresources.includes('status')) {
    if (before.status === undefined) delete object.status;
    else object.status = structuredClone(before.status);
  }
  return object;
}

function keepSystemMetadata(object: KubeObject, before: KubeObject): void {
  const { metadata } = object;
  const kept = before.metadata;
  metadata.name = kept.name;
  metadata.uid = kept.uid;
  metadata.creationTimestamp = kept.creationTimestamp;
  metadata.resourceVersion = kept.resourceVersion;
  for (const field of ['namespace', 'generation', 'generateName', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (kept[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: kept[field] });
  }
}

/** Fields that the cluster has chosen and that a replacing client may leave out. */
function inheritAllocated(object: KubeObject, before: KubeObject): void {
  if (object.kind === 'Namespace') object.spec ??= structuredClone(before.spec ?? {});
  if (object.kind === 'Pod' && before.spec && object.spec) object.spec.nodeName ??= before.spec.nodeName;
  if (object.kind !== 'Service' || !object.spec || !before.spec || object.spec.type === 'ExternalName') return;
  object.spec.clusterIP ||= before.spec.clusterIP;
  object.spec.clusterIPs ??= before.spec.clusterIPs;
  for (const port of object.spec.ports ?? []) {
    const same = (before.spec.ports ?? []).find((other: { port: number; protocol: string }) => other.port === port.port);
    if (same?.nodePort && object.spec.type !== 'ClusterIP') port.nodePort ??= same.nodePort;
  }
}

function withoutTimes(object: KubeObject): unknown {
  return {
    ...object,
    metadata: { ...object.metadata, managedFields: undefined, owners: object.metadata.managedFields?.map(({ time: _, ...rest }) => rest) },
  };
}
