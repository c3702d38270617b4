/**
 * Bearer tokens for EKS: a presigned STS GetCallerIdentity URL that names the cluster in a signed header, as aws-iam-authenticator defines it. Made
 * for every call, never stored, never logged.
 */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Presigner, SignableRequest } from '../presigner.ts';

/** STS refuses the URL after this; a token is made for one call, which ends long before. */
const EXPIRES_SECONDS = 60;
const CLUSTER_HEADER = 'x-k8s-aws-id';

let client: STSClient | undefined;
let endpoint: Promise<Pick<SignableRequest, 'protocol' | 'hostname' | 'port' | 'path'>> | undefined;

/** A fresh token for the cluster of this name. */
export async function eksToken(cluster: string): Promise<string> {
  client ??= new STSClient({});
  endpoint ??= resolvedEndpoint(client);
  const { protocol, hostname, port, path } = await endpoint;
  const signer = (await client.config.signer()) as unknown as Presigner;
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  const request: SignableRequest = {
    method: 'GET',
    protocol,
    hostname,
    ...(port === undefined ? {} : { port }),
    path,
    headers: { host, [CLUSTER_HEADER]: cluster },
    query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
  };
  const { query = {} } = await signer.presign(request, { expiresIn: EXPIRES_SECONDS, unhoistableHeaders: new Set([CLUSTER_HEADER]) });
  const parameters = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
  return `k8s-aws-v1.${Buffer.from(`${protocol}//${host}${path}?${parameters.join('&')}`).toString('base64url')}`;
}

/** What the client would call, with all its rules about regions and variables: a request is built and not sent. */
async function resolvedEndpoint(sts: STSClient): Promise<Pick<SignableRequest, 'protocol' | 'hostname' | 'port' | 'path'>> {
  let built: SignableRequest | undefined;
  const command = new GetCallerIdentityCommand({});
  command.middlewareStack.add(
    () => async (args) => {
      built = args.request as SignableRequest;
      return { output: { $metadata: {} }, response: undefined };
    },
    { step: 'build', name: 'takeEndpoint', priority: 'low' },
  );
  await sts.send(command);
  const { protocol, hostname, port, path } = built!;
  return { protocol, hostname, ...(port === undefined ? {} : { port }), path };
}

/** Percent-encoding of SigV4: everything but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
