/** Runs the S3 server in a process of its own, so that a test can kill it: `serve-s3.ts FOLDER` prints its origin. */
import { startS3 } from './s3-server.ts';

const { origin } = await startS3({ data: process.argv[2]! });
console.log(origin);
