/** The local DynamoDB behind a bare http server with an administrator as caller, without the gateway. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createDynamoDb, type DynamoDb } from '../../../local/dynamodb/dynamodb.ts';
import type { ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext } from '../context.ts';

export interface ServedDynamoDb {
  context: TestContext;
  service: DynamoDb;
  origin: string;
  client: DynamoDBClient;
  /** Ends service and server; the data stay. */
  stop(): Promise<void>;
}

export function requestOf(operation: string, body: unknown): ServiceRequest {
  return {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': `DynamoDB_20120810.${operation}`, 'content-type': 'application/x-amz-json-1.0' },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    caller: { kind: 'admin', accessKeyId: 'test' },
    requestId: 'test',
    presigned: false,
  };
}

/** Starts over `data`, or over a new folder. */
export async function serveDynamoDb(data?: string): Promise<ServedDynamoDb> {
  const context = makeContext('dynamodb', data === undefined ? {} : { data });
  const service = await createDynamoDb(context);
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await service.handle({
      ...requestOf('', ''),
      headers: request.headers as Record<string, string>,
      body: Buffer.concat(chunks),
    });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new DynamoDBClient({
    endpoint: origin,
    region: context.region,
    maxAttempts: 1,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  return {
    context,
    service,
    origin,
    client,
    async stop() {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await service.close?.();
      await context.stop();
    },
  };
}
