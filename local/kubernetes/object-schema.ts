/**
 * Field names and types of every served kind, read from the models of @kubernetes/client-node, which are generated from the API's OpenAPI document.
 * The models lack the list merge keys (`x-kubernetes-patch-merge-key`); those stand here.
 */
import * as client from '@kubernetes/client-node';
import { GATEWAY_MODELS } from './gateway-models.ts';

export interface FieldType {
  /** `object`: fields of a named model; `map`: free keys; `list`; `any`: anything; else a scalar. */
  form: 'object' | 'map' | 'list' | 'any' | 'string' | 'boolean' | 'number' | 'int-or-string';
  /** Model of an object. */
  model?: string;
  /** Values of a map or a list. */
  of?: FieldType;
  format?: string;
}

interface Attribute {
  name: string;
  baseName: string;
  type: string;
  format: string;
}

const fieldsByModel = new Map<string, Map<string, FieldType>>();

/** Fields of a model such as `V1DeploymentSpec`; undefined when there is no such model. */
export function fieldsOf(model: string): Map<string, FieldType> | undefined {
  const known = fieldsByModel.get(model);
  if (known) return known;
  const custom = GATEWAY_MODELS[model];
  if (custom !== undefined) {
    const fields = new Map(custom.split(' ').map((field) => [field.split(':')[0]!, customType(field.split(':')[1]!)]));
    fieldsByModel.set(model, fields);
    return fields;
  }
  const attributes = (client as unknown as Record<string, { attributeTypeMap?: Attribute[] } | undefined>)[model]?.attributeTypeMap;
  if (!attributes) return undefined;
  const fields = new Map(attributes.map((attribute) => [attribute.baseName, fieldType(attribute.type, attribute.format)]));
  fieldsByModel.set(model, fields);
  return fields;
}

function customType(type: string): FieldType {
  if (type.startsWith('[]')) return { form: 'list', of: customType(type.slice(2)) };
  if (type.startsWith('{}')) return { form: 'map', of: customType(type.slice(2)) };
  if (type === 'int32' || type === 'int64') return { form: 'number', format: type };
  if (type === 'string') return { form: 'string', format: '' };
  return { form: 'object', model: type };
}

function fieldType(type: string, format: string): FieldType {
  const list = /^Array<(.*)>$/.exec(type);
  if (list) return { form: 'list', of: fieldType(list[1]!, format) };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) return { form: 'map', of: fieldType(map[1]!, format) };
  if (type === 'any') return { form: 'any' };
  if (type === 'IntOrString') return { form: 'int-or-string' };
  if (type === 'boolean' || type === 'number') return { form: type, format };
  // Quantities, times and bytes travel as strings.
  if (type === 'string' || type === 'Date' || type === 'V1MicroTime') return { form: 'string', format };
  return { form: 'object', model: type };
}

/** Merge keys of lists, by `model.field`. A list of scalars that merges as a set has an empty key list. */
const MERGE_KEYS: Record<string, string[]> = {
  'V1ObjectMeta.ownerReferences': ['uid'],
  'V1ObjectMeta.finalizers': [],
  'V1PodSpec.containers': ['name'],
  'V1PodSpec.initContainers': ['name'],
  'V1PodSpec.ephemeralContainers': ['name'],
  'V1PodSpec.volumes': ['name'],
  'V1PodSpec.imagePullSecrets': ['name'],
  'V1PodSpec.hostAliases': ['ip'],
  'V1PodSpec.schedulingGates': ['name'],
  'V1PodSpec.resourceClaims': ['name'],
  'V1PodSpec.topologySpreadConstraints': ['topologyKey', 'whenUnsatisfiable'],
  'V1Container.ports': ['containerPort', 'protocol'],
  'V1Container.env': ['name'],
  'V1Container.volumeMounts': ['mountPath'],
  'V1Container.volumeDevices': ['devicePath'],
  'V1PodStatus.conditions': ['type'],
  'V1PodStatus.podIPs': ['ip'],
  'V1PodStatus.hostIPs': ['ip'],
  'V1ServiceSpec.ports': ['port', 'protocol'],
  'V1ServiceStatus.conditions': ['type'],
  'V1DeploymentStatus.conditions': ['type'],
  'V1ReplicaSetStatus.conditions': ['type'],
  'V1NamespaceStatus.conditions': ['type'],
  'V1NodeStatus.conditions': ['type'],
  'V1NodeStatus.addresses': ['type'],
  'V1NodeSpec.podCIDRs': [],
  'V1ServiceAccount.secrets': ['name'],
  'GatewaySpec.listeners': ['name'],
  'GatewayStatus.listeners': ['name'],
  'GatewayStatus.conditions': ['type'],
  'GatewayListenerStatus.conditions': ['type'],
  'GatewayClassStatus.conditions': ['type'],
  'HTTPRouteParentStatus.conditions': ['type'],
};

/** Merge keys of a list field; undefined: the list is one value and is replaced as a whole. */
export function mergeKeys(model: string | undefined, field: string): string[] | undefined {
  return MERGE_KEYS[`${model}.${field}`];
}

const DEFAULT_KEY_VALUES: Record<string, unknown> = { protocol: 'TCP', whenUnsatisfiable: 'DoNotSchedule' };

/** Value of a merge key in a list item; ports without a protocol are TCP. */
export function keyValue(item: unknown, key: string): unknown {
  return (item as Record<string, unknown> | null)?.[key] ?? DEFAULT_KEY_VALUES[key];
}
