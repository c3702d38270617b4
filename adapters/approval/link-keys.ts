/** MACs of approval links by KMS: the key cannot be exported, and issuing and verifying are different permissions. */
import { GenerateMacCommand, KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import {
  badLink,
  type DecodedToken,
  decodeToken,
  encodeClaims,
  joinToken,
  type LinkClaims,
  macMessage,
} from '../../core/approval/link-token.ts';
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
  const answer = await kms().send(
    new GenerateMacCommand({ KeyId: keyArn(kid), MacAlgorithm: 'HMAC_SHA_256', Message: macMessage(encoded) }),
  );
  return joinToken(encoded, answer.Mac!);
}

/** Claims of a token whose MAC and audience are right. Dates and the row are for the caller to judge. Nothing is read before the MAC is checked. */
export async function verifyToken(token: string, audience: string): Promise<LinkClaims> {
  const decoded: DecodedToken = decodeToken(token);
  const key = keyArn(decoded.claims.kid);
  if (key === undefined || decoded.claims.audience !== audience) throw badLink();
  try {
    await kms().send(
      new VerifyMacCommand({ KeyId: key, MacAlgorithm: 'HMAC_SHA_256', Message: macMessage(decoded.encodedClaims), Mac: decoded.mac }),
    );
  } catch (error) {
    const { name } = error as Error;
    // A key that was disabled or deleted after its links were mailed makes them invalid, never an internal error.
    if (
      name === 'KMSInvalidMacException' ||
      name === 'DisabledException' ||
      name === 'NotFoundException' ||
      name === 'KMSInvalidStateException'
    )
      throw badLink();
    throw new Fault('UNAVAILABLE', 'the link cannot be checked now', { cause: error });
  }
  return decoded.claims;
}
