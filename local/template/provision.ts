/** Brings the stacks of an assembly into being: each resource by the service that knows its type, in the order of the dependencies. */
import { createHash } from 'node:crypto';
import type { ResourceProvider, ResourceRequest, ResourceResult } from '../service.ts';
import type { Assembly, AssemblyStack, Place } from './assembly.ts';
import { resourceOrder } from './dependencies.ts';
import { conditionHolds, resolveValue, type Scope } from './intrinsics.ts';
import { parameterValues } from './parameters.ts';
import { TemplateError } from './template-error.ts';

/** Types that describe the template itself and have no counterpart at run time. */
const SKIPPED = new Set(['AWS::CDK::Metadata']);

export interface ProvisionOptions {
  assembly: Assembly;
  place: Place;
  /** Values of the stacks' parameters, by name; each stack takes those that it declares. */
  parameters: Record<string, string>;
  provider(type: string): ResourceProvider | undefined;
  /** Runs after each resource with its resolved properties and result; what it throws stops the start. */
  verify?(request: ResourceRequest, result: ResourceResult): Promise<void>;
}

export interface ProvisionedStack {
  name: string;
  outputs: Record<string, unknown>;
}

/** Throws `TemplateError` before anything is made when a type is unknown, a parameter has no value, or a circle exists. */
export async function provisionStacks(options: ProvisionOptions): Promise<ProvisionedStack[]> {
  const exports = new Map<string, unknown>();
  const plans = options.assembly.stacks.map((stack) => plan(stack, options, exports));
  const unknown = plans.flatMap(({ scope, order }) =>
    order
      .map((id) => ({ id, type: scope.template.Resources[id]!.Type }))
      .filter(({ type }) => !options.provider(type))
      .map(({ id, type }) => `${type} (${id} in stack ${scope.stack})`),
  );
  if (unknown.length > 0) throw new TemplateError(`the local cloud does not know: ${unknown.join(', ')}`);
  const provisioned: ProvisionedStack[] = [];
  for (const { scope, order, resources } of plans) {
    for (const id of order) resources.set(id, await provisionResource(id, scope, options));
    provisioned.push({ name: scope.stack, outputs: collectOutputs(scope, exports) });
  }
  return provisioned;
}

interface Plan {
  scope: Scope;
  resources: Map<string, ResourceResult>;
  order: string[];
}

function plan(stack: AssemblyStack, options: ProvisionOptions, exports: ReadonlyMap<string, unknown>): Plan {
  const { template, name } = stack;
  if (template.Transform) throw new TemplateError(`stack ${name} uses a Transform: the local cloud runs plain templates only`);
  const { place } = options;
  const resources = new Map<string, ResourceResult>();
  const scope: Scope = {
    stack: name,
    stackId: `arn:${place.partition}:cloudformation:${place.region}:${place.account}:stack/${name}/${stableUuid(name)}`,
    place,
    template,
    parameters: parameterValues(name, template, options.parameters),
    resources,
    exports,
  };
  const exists = (id: string): boolean => {
    const { Type: type, Condition: condition } = template.Resources[id]!;
    return !SKIPPED.has(type) && (condition === undefined || conditionHolds(condition, scope));
  };
  return { scope, resources, order: resourceOrder(name, template).filter(exists) };
}

async function provisionResource(id: string, scope: Scope, options: ProvisionOptions): Promise<ResourceResult> {
  const resource = scope.template.Resources[id]!;
  const at = `${resource.Type} ${id} of stack ${scope.stack}`;
  const request: ResourceRequest = {
    stack: scope.stack,
    logicalId: id,
    type: resource.Type,
    properties: (resolveValue(resource.Properties ?? {}, scope, at) ?? {}) as Record<string, unknown>,
    defaultName: defaultName(scope.stack, id),
    assembly: options.assembly.folder,
    asset: options.assembly.asset,
  };
  try {
    const result = await options.provider(resource.Type)!(request);
    await options.verify?.(request, result);
    return result;
  } catch (error) {
    throw new TemplateError(`${at}: ${(error as Error).message}`, { cause: error });
  }
}

function collectOutputs(scope: Scope, exports: Map<string, unknown>): Record<string, unknown> {
  const outputs: Record<string, unknown> = {};
  for (const [id, output] of Object.entries(scope.template.Outputs ?? {})) {
    if (output.Condition !== undefined && !conditionHolds(output.Condition, scope)) continue;
    const at = `output ${id} of stack ${scope.stack}`;
    outputs[id] = resolveValue(output.Value, scope, at);
    if (!output.Export) continue;
    const name = String(resolveValue(output.Export.Name, scope, at));
    if (exports.has(name)) throw new TemplateError(`${at}: ${name} is already exported by another stack`);
    exports.set(name, outputs[id]);
  }
  return outputs;
}

/** At most 64 characters, the shortest limit among functions and roles; a longer name keeps its end apart by a hash. */
function defaultName(stack: string, id: string): string {
  const name = `${stack}-${id}`;
  if (name.length <= 64) return name;
  return `${name.slice(0, 55)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

function stableUuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
