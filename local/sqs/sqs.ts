/**
 * SQS standard queues, JSON protocol: SendMessage, ReceiveMessage, DeleteMessage, PurgeQueue, GetQueueUrl, GetQueueAttributes, ListQueues.
 * Not supported: FIFO queues, batches, ChangeMessageVisibility, creating queues over the API, checksums of message attributes.
 */
import { join } from 'node:path';
import * as z from 'zod';
import type { CloudContext, IamCheck, LocalService, PolicyDocument, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { MessageQueue } from './message-queue.ts';
import type { Queues } from './operations.ts';
import { OPERATIONS, queueOf, SqsRefusal } from './operations.ts';
import { queueProperties } from './queue-properties.ts';

export interface SqsOptions {
  /** URL of the AWS endpoint, which queue URLs start with. Default: the port that the data folder keeps for `aws`. */
  endpoint?: () => string;
}

export interface SqsService extends LocalService {
  /** Puts a message (text, or JSON of anything else) into a queue, as other services do for their destinations. Throws when there is no such queue. */
  deliver(queueArn: string, body: unknown): Promise<void>;
}

const policyProperties = z.strictObject({ Queues: z.array(z.string()).min(1), PolicyDocument: z.looseObject({ Statement: z.unknown() }) });

export function createSqs(context: CloudContext, options: SqsOptions = {}): SqsService {
  const byName = new Map<string, MessageQueue>();
  const policies = new Map<string, PolicyDocument>();
  const endpoint = options.endpoint ?? (() => `http://127.0.0.1:${context.listeners.known('aws') ?? 0}`);
  const queues: Queues = {
    context,
    byName,
    url: (queue) => `${endpoint()}/${context.account}/${queue.name}`,
    policy: (queue) => (policies.has(queue.arn) ? JSON.stringify(policies.get(queue.arn)) : undefined),
  };

  return {
    name: 'sqs',
    scopes: ['sqs'],
    resources: {
      'AWS::SQS::Queue': async (request) => {
        const { name, properties } = queueProperties(request);
        const arn = `arn:aws:sqs:${context.region}:${context.account}:${name}`;
        const queue = byName.get(name) ?? new MessageQueue(name, arn, join(context.folder, name), context.clock, properties);
        queue.properties = properties;
        byName.set(name, queue);
        return { ref: queues.url(queue), attributes: { Arn: arn, QueueName: name, QueueUrl: queues.url(queue) } };
      },
      'AWS::SQS::QueuePolicy': async (request) => {
        const parsed = policyProperties.safeParse(request.properties);
        if (!parsed.success) throw new Error(`AWS::SQS::QueuePolicy ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
        for (const url of parsed.data.Queues) policies.set(queueOf(queues, url).arn, parsed.data.PolicyDocument as PolicyDocument);
        return { ref: request.defaultName, attributes: { Id: request.defaultName } };
      },
    },
    operation: operationOf,
    checks: (request) => checksOf(context, request),
    handle: (request) => handle(queues, request),
    errorResponse: (_request, error) => errorResponse(error),
    resourcePolicy: (arn) => policies.get(arn),
    deliver: async (arn, body) => {
      queueOf(queues, arn).send(typeof body === 'string' ? body : JSON.stringify(body), context.account);
    },
  };
}

function operationOf(request: ServiceRequest): string {
  return request.headers['x-amz-target']?.split('.').at(-1) ?? `${request.method} ${request.url.pathname}`;
}

function checksOf(context: CloudContext, request: ServiceRequest): IamCheck[] {
  const operation = operationOf(request);
  if (!Object.hasOwn(OPERATIONS, operation)) return [];
  if (operation === 'ListQueues') return [{ action: 'sqs:ListQueues', resource: '*' }];
  const input = parsed(request) as { QueueUrl?: unknown; QueueName?: unknown } | undefined;
  const name = String(input?.QueueUrl ?? input?.QueueName ?? '')
    .split('/')
    .at(-1);
  return [{ action: `sqs:${operation}`, resource: `arn:aws:sqs:${context.region}:${context.account}:${name}` }];
}

async function handle(queues: Queues, request: ServiceRequest): Promise<ServiceResponse> {
  const operation = operationOf(request);
  try {
    const run = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined;
    if (!run) throw new SqsRefusal('UnsupportedOperation', `The local cloud does not support ${operation}`);
    const output = await run(queues, parsed(request) ?? {}, request.caller);
    return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(output) };
  } catch (error) {
    if (error instanceof SqsRefusal) return errorResponse(error);
    throw error;
  }
}

/** Undefined when the body is not JSON. */
function parsed(request: ServiceRequest): unknown {
  try {
    return JSON.parse(request.body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Older clients match the codes of the Query protocol, which a header carries. */
const QUERY_CODES: Record<string, string> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  UnsupportedOperation: 'AWS.SimpleQueueService.UnsupportedOperation',
};

function errorResponse(error: ServiceError): ServiceResponse {
  const queryError = `${QUERY_CODES[error.code] ?? error.code};${error.status < 500 ? 'Sender' : 'Receiver'}`;
  return {
    status: error.status,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-query-error': queryError },
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${error.code}`, message: error.message }),
  };
}
