/** A queue as CloudFormation declares it (`AWS::SQS::Queue`). */
import * as z from 'zod';
import type { ResourceRequest } from '../service.ts';

export interface QueueProperties {
  delaySeconds: number;
  visibilitySeconds: number;
  retentionSeconds: number;
  waitSeconds: number;
  maximumBytes: number;
  redrive?: { deadLetterArn: string; maximumReceives: number };
}

const seconds = (most: number, standard: number) => z.coerce.number().int().min(0).max(most).default(standard);

const properties = z.strictObject({
  QueueName: z.string().optional(),
  DelaySeconds: seconds(900, 0),
  VisibilityTimeout: seconds(43_200, 30),
  MessageRetentionPeriod: seconds(1_209_600, 345_600),
  ReceiveMessageWaitTimeSeconds: seconds(20, 0),
  MaximumMessageSize: z.coerce.number().int().min(1024).max(1_048_576).default(1_048_576),
  RedrivePolicy: z.strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().min(1) }).optional(),
  // Encryption and tags change nothing that a client could notice here.
  KmsDataKeyReusePeriodSeconds: z.unknown().optional(),
  KmsMasterKeyId: z.unknown().optional(),
  RedriveAllowPolicy: z.unknown().optional(),
  SqsManagedSseEnabled: z.unknown().optional(),
  Tags: z.unknown().optional(),
});

/** Throws with the property's name for what is not supported (FIFO queues). */
export function queueProperties(request: ResourceRequest): { name: string; properties: QueueProperties } {
  const parsed = properties.safeParse(request.properties);
  if (!parsed.success) throw new Error(`AWS::SQS::Queue ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
  const { data } = parsed;
  return {
    name: data.QueueName ?? request.defaultName,
    properties: {
      delaySeconds: data.DelaySeconds,
      visibilitySeconds: data.VisibilityTimeout,
      retentionSeconds: data.MessageRetentionPeriod,
      waitSeconds: data.ReceiveMessageWaitTimeSeconds,
      maximumBytes: data.MaximumMessageSize,
      ...(data.RedrivePolicy
        ? { redrive: { deadLetterArn: data.RedrivePolicy.deadLetterTargetArn, maximumReceives: data.RedrivePolicy.maxReceiveCount } }
        : {}),
    },
  };
}
