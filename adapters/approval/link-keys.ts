/** MACs of approval links and Slack buttons by KMS: the key cannot be exported, and issuing and verifying are different permissions. */
import { GenerateMacCommand, KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import { badLink, decodeToken, encodeClaims, type LinkClaims, macMessage } from '../../core/approval/link-token.ts';
import { joinToken } from '../../core/approval/signed-token.ts';
import { badButton, decodeHandle, encodeHandle, handleMessage, type SlackHandle } from '../../core/approval/slack-handle.ts';
import { Fault } from '../../core/errors.ts';
import { requiredVariable } from '../state/table.ts';

let client: KMSClient | undefined;
const kms = (): KMSClient => {
  client ??= new KMSClient({ maxAttempts: 4 });
  return client;
};

/** `kid → key ARN`. HMAC keys do not rotate by themselves: a new kid is added, the old one stays until its links have expired. */
function keyArn(kid: string): string | undefined {
  const keys = JSON.parse(requiredVariable('LINK_KEYS')) as Record<string, string>;
  return Object.hasOwn(keys, kid) ? keys[kid] : undefined;
}

/** Signs claims with the present key. */
export async function issueToken(claims: Omit<LinkClaims, 'kid'>): Promise<string> {
  const kid = requiredVariable('LINK_KEY_ID');
  const encoded = encodeClaims({ ...claims, kid });
  return joinToken(encoded, await generate(kid, macMessage(encoded)));
}

/** Signs the value of a Slack button with the present key. */
export async function issueHandle(handle: Omit<SlackHandle, 'kid'>): Promise<string> {
  const kid = requiredVariable('LINK_KEY_ID');
  const encoded = encodeHandle({ ...handle, kid });
  return joinToken(encoded, await generate(kid, handleMessage(encoded)));
}

/** Claims of a token whose MAC and audience are right. Dates and the row are for the caller to judge. Nothing is read before the MAC is checked. */
export async function verifyToken(token: string, audience: string): Promise<LinkClaims> {
  const { claims, encodedClaims, mac } = decodeToken(token);
  if (claims.audience !== audience) throw badLink();
  if (!(await verify(claims.kid, macMessage(encodedClaims), mac))) throw badLink();
  return claims;
}

/** What a Slack button stands for, if its MAC and audience are right. Its date is for the caller to judge. `value` is attacker-controlled. */
export async function verifyHandle(value: string, audience: string): Promise<SlackHandle> {
  const { handle, encodedHandle, mac } = decodeHandle(value);
  if (handle.audience !== audience) throw badButton();
  if (!(await verify(handle.kid, handleMessage(encodedHandle), mac))) throw badButton();
  return handle;
}

async function generate(kid: string, Message: Buffer): Promise<Uint8Array> {
  const answer = await kms().send(new GenerateMacCommand({ KeyId: keyArn(kid), MacAlgorithm: 'HMAC_SHA_256', Message }));
  return answer.Mac!;
}

async function verify(kid: string, Message: Buffer, Mac: Buffer): Promise<boolean> {
  const KeyId = keyArn(kid);
  if (KeyId === undefined) return false;
  try {
    await kms().send(new VerifyMacCommand({ KeyId, MacAlgorithm: 'HMAC_SHA_256', Message, Mac }));
    return true;
  } catch (error) {
    const { name } = error as Error;
    // A key that was disabled or deleted after its links were mailed makes them invalid, never an internal error.
    if (
      name === 'KMSInvalidMacException' ||
      name === 'DisabledException' ||
      name === 'NotFoundException' ||
      name === 'KMSInvalidStateException'
    )
      return false;
    throw new Fault('UNAVAILABLE', 'the link cannot be checked now', { cause: error });
  }
}
