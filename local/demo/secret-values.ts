/** Puts the values of the stack's secrets, as an operator does after a deployment. */
import { randomBytes } from 'node:crypto';
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type AdminAccess, clientSettings } from './aws-clients.ts';

/** Idempotent: a value that is right is not put again, and a random one is put once. */
export async function putSecretValues(cloud: AdminAccess, slackWebhook: string): Promise<void> {
  const client = new SecretsManagerClient(clientSettings(cloud));
  const value = async (SecretId: string): Promise<string | undefined> => {
    try {
      return (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString;
    } catch (error) {
      if ((error as Error).name === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  };
  try {
    const put = (SecretId: string, SecretString: string) => client.send(new PutSecretValueCommand({ SecretId, SecretString }));
    if ((await value('greenlight/slack-webhook')) !== slackWebhook) await put('greenlight/slack-webhook', slackWebhook);
    for (const name of ['greenlight/smoke-test-token', 'greenlight/gate-hmac', 'greenlight/slack-signing-secret']) {
      if (!(await value(name))) await put(name, randomBytes(32).toString('base64url'));
    }
  } finally {
    client.destroy();
  }
}
