/**
 * What every stand-in of the local cloud implements. `gateway.ts` receives each AWS request, finds the service by its SigV4 credential scope,
 * authenticates the caller, asks `checks()` what the request needs, lets `iam/` decide, records the call, injects faults, then calls `handle()`.
 */
import type { Readable } from 'node:stream';
import type { Clock } from './clock.ts';
import type { Listeners } from './listeners.ts';

/** Who called. The administrator passes identity policies; explicit denies of resource policies hold for him too. */
export interface Caller {
  kind: 'admin' | 'role';
  accessKeyId: string;
  /** ARN of the assumed role, e.g. `arn:aws:iam::000000000000:role/x`; undefined for the administrator. */
  roleArn?: string;
  /** Name of the Lambda function (or other workload) that holds these credentials, for messages and the calls log. */
  functionName?: string;
}

export interface ServiceRequest {
  method: string;
  /** Path with query as received. */
  url: URL;
  /** Lower-case names; repeated headers joined by commas. */
  headers: Record<string, string>;
  body: Buffer;
  caller: Caller;
  requestId: string;
  /** True when the request was authorized by a presigned query. */
  presigned: boolean;
}

export interface ServiceResponse {
  status: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array | Readable;
}

/** One action that a request needs, in the words of the IAM service authorization reference. */
export interface IamCheck {
  action: string;
  /** ARN, or `*` where the action has no resource. */
  resource: string;
  /** Condition keys, e.g. `{'dynamodb:LeadingKeys': ['REQ#1']}`. Multi-valued keys are arrays; an absent key is null for `Null` conditions. */
  context?: Record<string, string | string[]>;
}

/** An AWS error before it has a wire shape. */
export interface ServiceError {
  status: number;
  /** e.g. `AccessDeniedException`; each service spells it as its protocol does. */
  code: string;
  message: string;
}

/** What the template reader hands over: intrinsics are resolved, ids are stable over restarts. */
export interface ResourceRequest {
  stack: string;
  logicalId: string;
  type: string;
  properties: Record<string, unknown>;
  /** Name to use where the template gives none: stable per stack and logical id. */
  defaultName: string;
  /** Directory of the cloud assembly, for assets. */
  assembly: string;
  /** File or folder of the assembly that stands for an S3 location of the template (`Code`, `DefinitionS3Location`); undefined: not an asset. */
  asset(bucket: string, key: string): string | undefined;
}

/** What `Ref` and `Fn::GetAtt` of the resource yield. */
export interface ResourceResult {
  ref: string;
  attributes?: Record<string, string>;
}

/** Creates the resource or brings an existing one (kept from an earlier start) to the declared properties. Idempotent. */
export type ResourceProvider = (request: ResourceRequest) => Promise<ResourceResult>;

export interface PolicyDocument {
  Version?: string;
  Id?: string;
  Statement: unknown;
}

export interface LocalService {
  /** Name in the faults and calls endpoints, e.g. `dynamodb`. */
  readonly name: string;
  /** SigV4 credential scopes that belong to it, e.g. `['states']`. */
  readonly scopes: readonly string[];
  /** CloudFormation types that it provisions. */
  readonly resources: Readonly<Record<string, ResourceProvider>>;
  /** Operation name in AWS spelling, e.g. `PutItem`. */
  operation(request: ServiceRequest): string;
  /** Everything that IAM must allow for this request. TransactWriteItems answers one check per item. */
  checks(request: ServiceRequest): IamCheck[] | Promise<IamCheck[]>;
  handle(request: ServiceRequest): Promise<ServiceResponse>;
  /** Spells an error as this service's protocol does: denials, injected faults, unknown operations. */
  errorResponse(request: ServiceRequest, error: ServiceError): ServiceResponse;
  /** Policy attached to a resource of this service (bucket policy, key policy), for IAM to evaluate. */
  resourcePolicy?(resourceArn: string): PolicyDocument | undefined;
  /** Called once all stacks are provisioned: resume unfinished work, arm timers. */
  start?(): Promise<void>;
  close?(): Promise<void>;
}

/** What the kernel gives each service when it is made. Services reach each other only through these functions. */
export interface CloudContext {
  readonly clock: Clock;
  /** Folder of this service alone, 0700, kept over restarts. */
  readonly folder: string;
  readonly region: string;
  readonly account: string;
  /** Opens loopback ports that keep their number over restarts. */
  readonly listeners: Listeners;
  /** Runs a function as the Lambda service does; errors of the function come back in `error`. Every invocation is tracked by the clock. */
  invoke(functionArn: string, payload: unknown, options?: InvokeOptions): Promise<InvokeResult>;
  /** Puts events on an EventBridge bus (default: the default bus), as AWS services do for their state changes. */
  emit(event: BusEvent): Promise<void>;
  /** Issues credentials of a role for something that runs in its name (a build, a pod). They survive restarts. */
  credentialsFor(roleArn: string, functionName: string): { accessKeyId: string; secretAccessKey: string; sessionToken: string };
  /** IAM decision for `caller` on an action that does not arrive as a request of its own, e.g. PassRole or a bus target. */
  allowed(caller: Caller, check: IamCheck): Promise<boolean>;
  /** Fault injected for this service and operation by `_local/faults`, if any: delays are already served. Non-AWS endpoints (kubernetes, registry) call it themselves. */
  fault(service: string, operation: string): Promise<ServiceError | undefined>;
  /** Appends to the calls log what does not come through the gateway (registry and Kubernetes requests). */
  recordCall(call: CallRecord): void;
  log(message: string, fields?: Record<string, unknown>): void;
}

export interface InvokeOptions {
  /** Asynchronous: queued, retried twice, then sent to the failure destination; resolves once accepted. */
  asynchronous?: boolean;
  /**
   * Told `true` when the event has to wait for a sandbox, and `false` when one begins with it. In AWS each event would have a sandbox and a processor at
   * once: how long a machine of few cores lets it wait says nothing about the stack, and does not count as its time.
   */
  waits?(isWaiting: boolean): void;
}

export interface InvokeResult {
  payload: unknown;
  error?: { errorType: string; errorMessage: string; trace?: string[] };
}

export interface BusEvent {
  bus?: string;
  source: string;
  detailType: string;
  detail: unknown;
  resources?: string[];
}

export interface CallRecord {
  service: string;
  operation: string;
  /** Function that made the call, or `admin`, or `anonymous`. */
  function: string;
  at: string;
  decision: 'allowed' | 'denied' | 'implicitDeny';
  resource: string;
}
