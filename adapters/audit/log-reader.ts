/** Opens a log by the place that the user names: a folder, or `s3://BUCKET[/PREFIX]`. */
import { S3Client } from '@aws-sdk/client-s3';
import type { LogFiles } from '../../core/audit/log-files.ts';
import { bucketLog } from './bucket-log.ts';
import { folderLog } from './folder-log.ts';

/** The region that the AWS command line would take from its environment: the SDK reads AWS_REGION alone. */
export function clientSettings(env: NodeJS.ProcessEnv): { maxAttempts: number; region?: string } {
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'];
  return { maxAttempts: 5, ...(region ? { region } : {}) };
}

export function openLog(place: string): Promise<LogFiles> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(place) ?? [];
  return bucket === undefined ? folderLog(place) : bucketLog(new S3Client(clientSettings(process.env)), bucket, prefix);
}
