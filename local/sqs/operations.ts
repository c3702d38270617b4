/** The SQS operations of the JSON protocol: input object in, output object out, `SqsRefusal` for what SQS refuses. */
import * as z from 'zod';
import type { Caller, CloudContext, ServiceError } from '../service.ts';
import type { Message, MessageQueue } from './message-queue.ts';
import { md5 } from './message-queue.ts';

export class SqsRefusal extends Error implements ServiceError {
  override readonly name = 'SqsRefusal';
  readonly status = 400;
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The queues and where they are. */
export interface Queues {
  context: CloudContext;
  byName: ReadonlyMap<string, MessageQueue>;
  url(queue: MessageQueue): string;
  policy(queue: MessageQueue): string | undefined;
}

export type Operation = (queues: Queues, input: unknown, caller: Caller) => Promise<Record<string, unknown>>;

const sendInput = z.looseObject({
  QueueUrl: z.string(),
  MessageBody: z.string().min(1),
  DelaySeconds: z.number().int().min(0).max(900).optional(),
  MessageAttributes: z.record(z.string(), z.unknown()).optional(),
});
const receiveInput = z.looseObject({
  QueueUrl: z.string(),
  MaxNumberOfMessages: z.number().int().min(1).max(10).default(1),
  VisibilityTimeout: z.number().int().min(0).max(43_200).optional(),
  WaitTimeSeconds: z.number().int().min(0).max(20).optional(),
  AttributeNames: z.array(z.string()).default([]),
  MessageSystemAttributeNames: z.array(z.string()).default([]),
  MessageAttributeNames: z.array(z.string()).default([]),
});

/** By name in AWS spelling. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  async SendMessage(queues, raw, caller) {
    const input = read(sendInput, raw);
    const queue = queueOf(queues, input.QueueUrl);
    if (Buffer.byteLength(input.MessageBody) > queue.properties.maximumBytes) {
      throw new SqsRefusal(
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${queue.properties.maximumBytes} bytes.`,
      );
    }
    const message = queue.send(input.MessageBody, caller.roleArn ?? caller.accessKeyId, input.DelaySeconds, input.MessageAttributes);
    return { MessageId: message.id, MD5OfMessageBody: md5(message.body) };
  },

  async ReceiveMessage(queues, raw) {
    const input = read(receiveInput, raw);
    const queue = queueOf(queues, input.QueueUrl);
    const { clock } = queues.context;
    const deadline = clock.now() + (input.WaitTimeSeconds ?? queue.properties.waitSeconds) * 1000;
    const receive = () =>
      queue.receive(input.MaxNumberOfMessages, input.VisibilityTimeout ?? queue.properties.visibilitySeconds, (message) =>
        buried(queues, queue, message),
      );
    let messages = receive();
    while (messages.length === 0 && clock.now() < deadline) {
      await queue.waitForMessage((deadline - clock.now()) / 1000);
      messages = receive();
    }
    const wanted = [...input.AttributeNames, ...input.MessageSystemAttributeNames];
    return messages.length === 0 ? {} : { Messages: messages.map((message) => shaped(message, wanted, input.MessageAttributeNames)) };
  },

  async DeleteMessage(queues, raw) {
    const input = read(z.looseObject({ QueueUrl: z.string(), ReceiptHandle: z.string() }), raw);
    if (!queueOf(queues, input.QueueUrl).delete(input.ReceiptHandle)) {
      throw new SqsRefusal('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
    }
    return {};
  },

  async PurgeQueue(queues, raw) {
    queueOf(queues, read(z.looseObject({ QueueUrl: z.string() }), raw).QueueUrl).purge();
    return {};
  },

  async GetQueueUrl(queues, raw) {
    const { QueueName } = read(z.looseObject({ QueueName: z.string() }), raw);
    return { QueueUrl: queues.url(queueOf(queues, QueueName)) };
  },

  async ListQueues(queues, raw) {
    const { QueueNamePrefix } = read(z.looseObject({ QueueNamePrefix: z.string().default('') }), raw);
    const names = [...queues.byName.values()].filter((queue) => queue.name.startsWith(QueueNamePrefix));
    return names.length === 0 ? {} : { QueueUrls: names.map((queue) => queues.url(queue)) };
  },

  async GetQueueAttributes(queues, raw) {
    const input = read(z.looseObject({ QueueUrl: z.string(), AttributeNames: z.array(z.string()).default([]) }), raw);
    const all = attributesOf(queues, queueOf(queues, input.QueueUrl));
    const chosen = Object.entries(all).filter(([name]) => input.AttributeNames.includes('All') || input.AttributeNames.includes(name));
    return chosen.length === 0 ? {} : { Attributes: Object.fromEntries(chosen) };
  },
};

/** Finds a queue by name, URL or ARN; the last part of each is the name. */
export function queueOf(queues: Queues, reference: string): MessageQueue {
  const queue = queues.byName.get(reference.split(/[/:]/).at(-1) ?? '');
  if (!queue) throw new SqsRefusal('QueueDoesNotExist', 'The specified queue does not exist.');
  return queue;
}

function read<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const code = issue?.code === 'invalid_type' && issue.input === undefined ? 'MissingParameter' : 'InvalidParameterValue';
  throw new SqsRefusal(code, `${issue?.path.join('.')}: ${issue?.message}`);
}

/** Moves a message that was received too often to its dead-letter queue, keeping it when that queue does not exist. */
function buried(queues: Queues, queue: MessageQueue, message: Message): boolean {
  const { redrive } = queue.properties;
  if (!redrive || message.receives < redrive.maximumReceives) return false;
  const deadLetters = queues.byName.get(redrive.deadLetterArn.split(':').at(-1) ?? '');
  if (!deadLetters) {
    queues.context.log('sqs: the dead-letter queue does not exist', { queue: queue.name, deadLetters: redrive.deadLetterArn });
    return false;
  }
  deadLetters.send(message.body, message.senderId, 0, message.attributes);
  return true;
}

function shaped(message: Message, wanted: string[], wantedAttributes: string[]): Record<string, unknown> {
  const system: Record<string, string> = {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
  };
  const attributes = Object.entries(system).filter(([name]) => wanted.includes('All') || wanted.includes(name));
  const own = Object.entries(message.attributes).filter(([name]) =>
    wantedAttributes.some((one) => one === 'All' || one === '.*' || one === name),
  );
  return {
    MessageId: message.id,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(attributes.length > 0 ? { Attributes: Object.fromEntries(attributes) } : {}),
    ...(own.length > 0 ? { MessageAttributes: Object.fromEntries(own) } : {}),
  };
}

function attributesOf(queues: Queues, queue: MessageQueue): Record<string, string> {
  const { properties } = queue;
  const counts = queue.counts();
  const policy = queues.policy(queue);
  return {
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(counts.visible),
    ApproximateNumberOfMessagesDelayed: String(counts.delayed),
    ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
    CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
    DelaySeconds: String(properties.delaySeconds),
    MaximumMessageSize: String(properties.maximumBytes),
    MessageRetentionPeriod: String(properties.retentionSeconds),
    ReceiveMessageWaitTimeSeconds: String(properties.waitSeconds),
    VisibilityTimeout: String(properties.visibilitySeconds),
    ...(policy === undefined ? {} : { Policy: policy }),
    ...(properties.redrive
      ? {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: properties.redrive.deadLetterArn,
            maxReceiveCount: properties.redrive.maximumReceives,
          }),
        }
      : {}),
  };
}
