/** Where secrets must not be: answers, mails (but the approver's own link), Slack messages, logs, the audit log (LINK-14, LINK-17). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { type FlowCloud, textOf } from './cloud.ts';

interface Secret {
  name: string;
  value: string;
}

/**
 * Tokens by which a run goes on that waits for approval, as the table holds them now: they are gone once the run has been woken. That of its gates may
 * still be there a moment after they are over.
 */
export async function taskTokens(cloud: FlowCloud): Promise<string[]> {
  const client = new DynamoDBClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  try {
    const found: string[] = [];
    const scan = {
      TableName: await tableOf(cloud),
      FilterExpression: 'begins_with(PK, :kind) AND #wait = :wait',
      ExpressionAttributeNames: { '#wait': 'wait' },
      ExpressionAttributeValues: { ':kind': { S: 'TOKEN#' }, ':wait': { S: 'approval' } },
    };
    for await (const page of paginateScan({ client }, scan)) for (const item of page.Items ?? []) found.push(item['token']!.S!);
    return found;
  } finally {
    client.destroy();
  }
}

/** Searches everything that leaves the cloud or is kept for reading. `found` says what stands where; `searched` counts the texts. */
export async function findSecrets(
  cloud: FlowCloud,
  tokens: readonly string[],
  auditLog: string,
): Promise<{ found: string[]; searched: number }> {
  const secrets = await heldSecrets(cloud, tokens);
  const links = await mailedTokens(cloud);
  const texts = [
    ...cloud.answers.map(({ method, path, answer }) => ({
      // The page of a link holds its own token, in the form that sends it back.
      own: path.startsWith('/v1/approvals/link') ? links.map(({ value }) => value) : [],
      where: `answer to ${method} ${path}`,
      text: `${answer.text}${[...answer.headers].join('\n')}`,
    })),
    ...(await cloud.mails()).map(({ to, subject, raw, text, html }) => ({
      own: links.filter((link) => link.to === to.join()).map(({ value }) => value),
      where: `mail "${subject}" to ${to.join()}`,
      text: `${raw}${text}${html}`,
    })),
    { own: [], where: 'Slack', text: JSON.stringify(await cloud.slack()) },
    { own: [], where: 'what the cloud printed', text: cloud.printed.join('\n') },
    { own: [], where: 'the audit log', text: auditLog },
    { own: [], where: 'the calls log', text: JSON.stringify(await cloud.calls()) },
    ...logFiles(cloud.data).map((file) => ({ own: [], where: file, text: readFileSync(file, 'utf8') })),
  ];
  const all = [...secrets, ...links.map(({ to, value }) => ({ name: `link token of ${to}`, value }))];
  const found: string[] = [];
  for (const { own, where, text } of texts) {
    for (const { name, value } of all) if (!(own as string[]).includes(value) && text.includes(value)) found.push(`${name} in ${where}`);
  }
  return { found, searched: texts.length };
}

/** Log files of functions and API; the state of the stand-ins (tables, mailbox, journals of runs) holds what it has to hold. */
export function logFiles(data: string): string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(^|\/)logs\/[^/]+$/.test(name))
    .map((name) => join(data, name));
}

async function heldSecrets(cloud: FlowCloud, tokens: readonly string[]): Promise<Secret[]> {
  const { endpoints } = cloud;
  const client = new SecretsManagerClient(clientSettings({ ...endpoints, region: 'eu-central-1' }));
  try {
    const stored: Secret[] = [];
    for (const name of ['slack-webhook', 'smoke-test-token', 'gate-hmac', 'slack-signing-secret']) {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: `greenlight/${name}` }));
      stored.push({ name, value: SecretString! });
    }
    const keys = JSON.parse(textOf(join(cloud.data, 'credentials.json'))) as {
      sessions: { secretAccessKey: string; sessionToken: string }[];
    };
    return [
      ...stored,
      ...tokens.map((value) => ({ name: 'task token', value })),
      ...(await cloud.minted()).map((value) => ({ name: 'bearer token', value })),
      { name: 'secret key of the administrator', value: endpoints.awsAdmin.secretAccessKey },
      ...keys.sessions.flatMap(({ secretAccessKey, sessionToken }) => [
        { name: 'secret key of a function', value: secretAccessKey },
        { name: 'session token of a function', value: sessionToken },
      ]),
      { name: 'private key', value: textOf(endpoints.signing.privateKey).split('\n')[1]! },
      { name: 'password of the issuer', value: textOf(endpoints.issuerPasswordFile).trim() },
    ];
  } finally {
    client.destroy();
  }
}

/** The MAC of each mailed link: whoever has that can make the rest. */
async function mailedTokens(cloud: FlowCloud): Promise<{ to: string; value: string }[]> {
  const found: { to: string; value: string }[] = [];
  for (const { to, text } of await cloud.mails()) {
    for (const [, mac] of text.matchAll(/\/v1\/approvals\/link(?:\/revoke)?\?t=[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)/g))
      found.push({ to: to.join(), value: mac! });
  }
  return found;
}

async function tableOf(cloud: FlowCloud): Promise<string> {
  const called = (await cloud.calls()).find(({ service, resource }) => service === 'dynamodb' && /:table\//.test(resource));
  if (!called) throw new Error('no function has used the table yet');
  return /:table\/([^/]+)/.exec(called.resource)![1]!;
}
