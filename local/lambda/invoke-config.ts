/** How a function's asynchronous events are retried and where they end (`AWS::Lambda::EventInvokeConfig`). */
import * as z from 'zod';
import type { ResourceRequest } from '../service.ts';

export interface InvokeConfig {
  maximumRetries: number;
  /** Virtual seconds after which an event is given up. */
  maximumAgeSeconds: number;
  onFailure?: string | undefined;
  onSuccess?: string | undefined;
}

/** What holds without a declared configuration. */
export const DEFAULT_INVOKE_CONFIG: InvokeConfig = { maximumRetries: 2, maximumAgeSeconds: 21_600 };

const destination = z.strictObject({ Destination: z.string() }).optional();

const invokeConfigProperties = z.strictObject({
  FunctionName: z.string(),
  Qualifier: z.literal('$LATEST'),
  MaximumRetryAttempts: z.coerce.number().int().min(0).max(2).default(2),
  MaximumEventAgeInSeconds: z.coerce.number().int().min(60).max(21_600).default(21_600),
  DestinationConfig: z.strictObject({ OnFailure: destination, OnSuccess: destination }).optional(),
});

/** Reads the declared properties. */
export function invokeConfig(request: ResourceRequest): { functionName: string; config: InvokeConfig } {
  const parsed = invokeConfigProperties.safeParse(request.properties);
  if (!parsed.success) throw new Error(`AWS::Lambda::EventInvokeConfig ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
  const properties = parsed.data;
  return {
    functionName: properties.FunctionName,
    config: {
      maximumRetries: properties.MaximumRetryAttempts,
      maximumAgeSeconds: properties.MaximumEventAgeInSeconds,
      onFailure: properties.DestinationConfig?.OnFailure?.Destination,
      onSuccess: properties.DestinationConfig?.OnSuccess?.Destination,
    },
  };
}
