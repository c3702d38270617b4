/** Message authentication by a KMS HMAC key: cursors and form values that only we can have made. The key never leaves KMS. */
import { GenerateMacCommand, KMSClient, KMSInvalidMacException, VerifyMacCommand } from '@aws-sdk/client-kms';
import { Fault } from '../../core/errors.ts';
import { requiredVariable } from '../state/table.ts';

const ALGORITHM = 'HMAC_SHA_256';
/** KMS takes messages of at most 4,096 bytes. */
const LONGEST_MESSAGE = 4_096;
/** Bytes of an HMAC-SHA-256. */
const MAC_BYTES = 32;

export interface Macs {
  /** 32 bytes over `purpose` and message; no value of one purpose passes for another. */
  generate(purpose: string, message: string): Promise<Buffer>;
  /** False for anything that `generate` did not make. `mac` is attacker-controlled. */
  verify(purpose: string, message: string, mac: Uint8Array): Promise<boolean>;
}

/** Key named by the environment variable `COOKIE_KEY`. Fault UNAVAILABLE when KMS does not answer. */
export function kmsMacs(client = new KMSClient({ maxAttempts: 4 })): Macs {
  const key = () => requiredVariable('COOKIE_KEY');
  return {
    async generate(purpose, message) {
      const command = new GenerateMacCommand({ KeyId: key(), MacAlgorithm: ALGORITHM, Message: bytesOf(purpose, message) });
      const answer = await client.send(command).catch(away);
      return Buffer.from(answer.Mac!);
    },
    async verify(purpose, message, mac) {
      const bytes = bytesOf(purpose, message);
      if (mac.length !== MAC_BYTES || bytes.length > LONGEST_MESSAGE) return false;
      const command = new VerifyMacCommand({ KeyId: key(), MacAlgorithm: ALGORITHM, Message: bytes, Mac: mac });
      try {
        return (await client.send(command)).MacValid === true;
      } catch (error) {
        if (error instanceof KMSInvalidMacException) return false;
        return away(error);
      }
    },
  };
}

function bytesOf(purpose: string, message: string): Buffer {
  return Buffer.from(`greenlight-${purpose}\0${message}`);
}

function away(error: unknown): never {
  throw new Fault('UNAVAILABLE', 'the key service does not answer', { cause: error });
}
