/** Opens a log by the place that the user names: a folder, or `s3://BUCKET[/PREFIX]`. */
import { S3Client } from '@aws-sdk/client-s3';
import type { LogFiles } from '../../core/audit/log-files.ts';
import { bucketLog } from './bucket-log.ts';
import { folderLog } from './folder-log.ts';

export function openLog(place: string): Promise<LogFiles> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(place) ?? [];
  return bucket === undefined ? folderLog(place) : bucketLog(new S3Client({ maxAttempts: 5 }), bucket, prefix);
}
