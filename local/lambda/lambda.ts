/**
 * Lambda: runs the synthesized functions from the assembly's own bundles, in worker threads.
 * Not supported, and refused by name: layers, versions, aliases, container images, VPC, file systems, inline code, event sources other than DynamoDB streams.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CloudContext, InvokeOptions, InvokeResult, LocalService, ResourceProvider, ResourceRequest } from '../service.ts';
import type { AsynchronousTarget } from './asynchronous-queue.ts';
import { AsynchronousQueue } from './asynchronous-queue.ts';
import type { Deliver } from './destinations.ts';
import { Destinations } from './destinations.ts';
import { functionDefinition } from './function-definition.ts';
import type { InvokeConfig } from './invoke-config.ts';
import { DEFAULT_INVOKE_CONFIG, invokeConfig } from './invoke-config.ts';
import { functionNotFound, LambdaRefusal } from './lambda-refusal.ts';
import { Permissions } from './permissions.ts';
import { bundleRuntime } from './runtime-bundle.ts';
import type { Outcome } from './sandbox.ts';
import { SandboxPool } from './sandbox-pool.ts';
import { StreamMapping } from './stream-mapping.ts';
import type { LambdaBackend } from './wire-api.ts';
import { checksOf, handleCall, operationOf, restJsonError } from './wire-api.ts';

export interface LambdaOptions {
  /** URL of the AWS endpoint that functions call. */
  endpoint: () => string;
  /** PEM of the local certificate authority. */
  certificate: string;
  streams: { subscribe(streamArn: string, listener: (records: unknown[]) => Promise<void>): void };
  /** Takes events that failed for good to a queue, topic or bus. */
  destinations?: Deliver;
}

export interface LambdaService extends LocalService {
  invoke(functionArn: string, payload: unknown, options?: InvokeOptions): Promise<InvokeResult>;
  /** Whether the function's resource policy lets a service invoke it for `sourceArn`. */
  permitted(functionArn: string, principal: string, sourceArn: string): boolean;
}

/** Bytes of a synchronous and of an asynchronous event. */
const LARGEST_EVENT = { RequestResponse: 6 * 1024 * 1024, Event: 1024 * 1024 };

export async function createLambda(context: CloudContext, options: LambdaOptions): Promise<LambdaService> {
  const { clock } = context;
  mkdirSync(join(context.folder, 'logs'), { recursive: true, mode: 0o700 });
  // Functions live in UTC. Threads share the time zone of their process, whatever their own TZ says.
  process.env.TZ = 'UTC';
  const poolOptions = { runtimeFile: await bundleRuntime(context.folder), certificate: options.certificate, endpoint: options.endpoint };
  const pools = new Map<string, SandboxPool>();
  const configs = new Map<string, InvokeConfig>();
  const mappings: StreamMapping[] = [];
  const permissions = new Permissions(context.account);
  const destinations = new Destinations(context, options.destinations);

  const functionArn = (name: string): string => {
    const [, plain] = /^(?:(?:arn:aws:lambda:[^:]+:)?\d{12}:function:|function:)?([^:]+)(?::\$LATEST)?$/.exec(name) ?? [];
    return plain === undefined ? name : `arn:aws:lambda:${context.region}:${context.account}:function:${plain}`;
  };

  const run = async (arn: string, payload: string, requestId: string, waits?: InvokeOptions['waits']): Promise<Outcome> => {
    const pool = pools.get(arn);
    if (!pool) throw functionNotFound(arn);
    assertSize(payload, 'RequestResponse');
    const fault = await context.fault('lambda', pool.definition.name);
    if (fault) throw new LambdaRefusal(fault.status, fault.code, fault.message);
    return pool.run(requestId, payload, waits);
  };

  const target = (arn: string): AsynchronousTarget | undefined => {
    const pool = pools.get(functionArn(arn));
    if (!pool) return undefined;
    const { definition } = pool;
    const config = configs.get(definition.arn) ?? DEFAULT_INVOKE_CONFIG;
    return { definition, config, run: (requestId, payload) => run(definition.arn, payload, requestId) };
  };
  const queue = new AsynchronousQueue(context, target, destinations);

  const accept = (arn: string, payload: string, requestId: string): void => {
    if (!pools.has(arn)) throw functionNotFound(arn);
    assertSize(payload, 'Event');
    queue.accept(requestId, arn, payload);
  };

  const backend: LambdaBackend = {
    functionArn,
    definition: (arn) => pools.get(arn)?.definition,
    definitions: () => [...pools.values()].map((pool) => pool.definition).sort((a, b) => (a.name < b.name ? -1 : 1)),
    policy: (arn) => permissions.document(arn),
    run: (arn, payload, requestId, waits) => clock.track(run(arn, payload, requestId, waits)),
    accept,
  };

  const resources: Record<string, ResourceProvider> = {
    'AWS::Lambda::Function': async (request) => {
      const definition = functionDefinition(request, context.region, context.account);
      await pools.get(definition.arn)?.close();
      pools.set(definition.arn, new SandboxPool(definition, context, poolOptions));
      return { ref: definition.name, attributes: { Arn: definition.arn } };
    },
    'AWS::Lambda::Permission': async (request) => permissions.provision(request, functionArn),
    'AWS::Lambda::EventInvokeConfig': async (request) => {
      const { functionName, config } = invokeConfig(request);
      configs.set(functionArn(functionName), config);
      return { ref: `${functionName}:$LATEST` };
    },
    'AWS::Lambda::EventSourceMapping': async (request) => {
      const mapping = new StreamMapping(request, context, target, destinations);
      mappings.push(mapping);
      options.streams.subscribe(mapping.streamArn, async (records) => mapping.receive(records));
      return { ref: request.defaultName, attributes: { Id: request.defaultName } };
    },
    'AWS::Lambda::Version': refuse,
    'AWS::Lambda::Alias': refuse,
    'AWS::Lambda::LayerVersion': refuse,
  };

  return {
    name: 'lambda',
    scopes: ['lambda'],
    resources,
    operation: operationOf,
    checks: (request) => checksOf(request, backend),
    handle: async (request) => {
      try {
        return await handleCall(request, backend);
      } catch (error) {
        if (error instanceof LambdaRefusal) return restJsonError(request.requestId, error);
        throw error;
      }
    },
    errorResponse: (request, error) => restJsonError(request.requestId, error),
    resourcePolicy: (arn) => permissions.document(functionArn(arn)),
    invoke: async (name, payload, invokeOptions = {}) => {
      const event = JSON.stringify(payload) ?? '{}';
      const requestId = crypto.randomUUID();
      try {
        if (invokeOptions.asynchronous) {
          accept(functionArn(name), event, requestId);
          return { payload: null };
        }
        const outcome = await backend.run(functionArn(name), event, requestId, invokeOptions.waits);
        return 'payload' in outcome ? { payload: JSON.parse(outcome.payload) as unknown } : { payload: null, error: outcome.error };
      } catch (error) {
        if (!(error instanceof LambdaRefusal)) throw error;
        // As Step Functions names the errors of the Lambda API.
        return { payload: null, error: { errorType: `Lambda.${error.code}`, errorMessage: error.message } };
      }
    },
    permitted: (name, principal, sourceArn) => permissions.permitted(functionArn(name), principal, sourceArn),
    start: async () => queue.resume(),
    close: async () => {
      queue.close();
      for (const mapping of mappings) mapping.close();
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}

function assertSize(payload: string, type: keyof typeof LARGEST_EVENT): void {
  const size = Buffer.byteLength(payload);
  if (size <= LARGEST_EVENT[type]) return;
  const message = `${size} byte payload is too large for the ${type} invocation type (limit ${LARGEST_EVENT[type]} bytes)`;
  throw new LambdaRefusal(413, 'RequestEntityTooLargeException', message);
}

async function refuse(request: ResourceRequest): Promise<never> {
  throw new Error(`${request.type} ${request.logicalId}: the local cloud runs $LATEST of each function only`);
}
