/** Files of exports in their bucket, which forgets them after a week, and addresses under which one of them can be got for a while. */
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { VARIABLES } from '../../core/environment/variables.ts';
import type { Presigner, SignableRequest } from '../presigner.ts';
import { requiredVariable } from '../state/table.ts';

/** Seconds that an address holds: long enough for a slow line, too short to be passed around. */
const EXPIRES_SECONDS = 900;

export interface ExportFiles {
  write(name: string, bytes: Buffer, contentType: string): Promise<void>;
  /** Whoever has it gets the file until it expires: it is a secret. */
  address(name: string): Promise<{ url: string; expiresInSeconds: number }>;
}

export function exportFiles(
  bucket: string = requiredVariable(VARIABLES.EXPORT_BUCKET),
  client = new S3Client({ maxAttempts: 5 }),
): ExportFiles {
  return {
    async write(name, bytes, ContentType) {
      const ContentDisposition = `attachment; filename="${name.split('/').at(-1)}"`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: bytes, ContentType, ContentDisposition }));
    },
    async address(name) {
      const { protocol, hostname, port, path } = await requestFor(client, bucket, name);
      const host = port === undefined ? hostname : `${hostname}:${port}`;
      const signer = (await client.config.signer()) as unknown as Presigner;
      // S3 checks presigned addresses against this word and no hash of a body; the signer moves it into the query.
      const headers = { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
      const request = { method: 'GET', protocol, hostname, ...(port === undefined ? {} : { port }), path, headers, query: {} };
      const { query = {} } = await signer.presign(request, { expiresIn: EXPIRES_SECONDS });
      return { url: `${protocol}//${host}${path}?${new URLSearchParams(query)}`, expiresInSeconds: EXPIRES_SECONDS };
    },
  };
}

/** What the client would ask, with all its rules about regions and addresses: a request is built and not sent. */
async function requestFor(client: S3Client, Bucket: string, Key: string): Promise<SignableRequest> {
  let built: SignableRequest | undefined;
  const command = new GetObjectCommand({ Bucket, Key });
  command.middlewareStack.add(
    () => async (args) => {
      built = args.request as SignableRequest;
      return { output: { $metadata: {} }, response: undefined };
    },
    { step: 'build', name: 'takeRequest', priority: 'low' },
  );
  await client.send(command);
  return built!;
}
