/**
 * KMS of the local cloud: HMAC, Ed25519, P-256 and AES keys in files of mode 0600.
 *
 * Limits: no grants, key import, multi-region keys, custom key stores, RSA or other curves, Ed25519ph, key agreement, or changes of policies and
 * aliases by API; rotation is recorded only. Unknown operations are answered with UnknownOperationException and logged.
 */
import type { CloudContext, LocalService, ServiceRequest, ServiceResponse } from '../service.ts';
import * as cryptographic from './cryptographic-operations.ts';
import { KeyOperations } from './key-operations.ts';
import { KeyStore } from './key-store.ts';
import { jsonAnswer, KmsError, kmsErrorResponse } from './kms-error.ts';
import { inputOf, type KmsInput, operationIn } from './kms-input.ts';
import { kmsChecks } from './kms-permissions.ts';
import { provisionAlias, provisionKey } from './provision-key.ts';

/** Opens the keys kept in the folder of the context. */
export async function createKms(context: CloudContext): Promise<LocalService> {
  const store = new KeyStore(context.folder, `arn:aws:kms:${context.region}:${context.account}:`);
  const keys = new KeyOperations(store, context.clock, context.account);
  const operations = operationTable(store, keys);

  async function handle(request: ServiceRequest): Promise<ServiceResponse> {
    try {
      const operation = operationIn(request);
      const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
      if (!run) {
        context.log('refused what the local cloud does not offer', { operation });
        throw new KmsError('UnknownOperationException', `The local cloud does not offer ${operation || 'this request'}.`);
      }
      return jsonAnswer(request, 200, run(inputOf(request)));
    } catch (error) {
      if (error instanceof KmsError) return kmsErrorResponse(request, error);
      throw error;
    }
  }

  return {
    name: 'kms',
    scopes: ['kms'],
    resources: {
      'AWS::KMS::Key': async (request) => provisionKey(store, context.clock.now(), keys.defaultPolicy(), request),
      'AWS::KMS::Alias': async (request) => provisionAlias(store, context.clock.now(), request),
    },
    operation: operationIn,
    checks: (request) => kmsChecks(request, store),
    handle,
    errorResponse: kmsErrorResponse,
    resourcePolicy: (arn) => store.keys().find((key) => key.arn === arn)?.policy,
    start: async () => keys.armDeletions(),
  };
}

function operationTable(store: KeyStore, keys: KeyOperations): Record<string, (input: KmsInput) => Record<string, unknown> | undefined> {
  return {
    CreateKey: (input) => keys.createKey(input),
    DescribeKey: (input) => keys.describeKey(input),
    ListKeys: (input) => keys.listKeys(input),
    ListAliases: (input) => keys.listAliases(input),
    GetKeyPolicy: (input) => keys.getKeyPolicy(input),
    GetKeyRotationStatus: (input) => keys.getKeyRotationStatus(input),
    EnableKey: (input) => keys.setEnabled(input, true),
    DisableKey: (input) => keys.setEnabled(input, false),
    ScheduleKeyDeletion: (input) => keys.scheduleKeyDeletion(input),
    CancelKeyDeletion: (input) => keys.cancelKeyDeletion(input),
    GetPublicKey: (input) => cryptographic.getPublicKey(store, input),
    GenerateMac: (input) => cryptographic.generateMac(store, input),
    VerifyMac: (input) => cryptographic.verifyMac(store, input),
    Sign: (input) => cryptographic.signMessage(store, input),
    Verify: (input) => cryptographic.verifySignature(store, input),
    Encrypt: (input) => cryptographic.encrypt(store, input),
    Decrypt: (input) => cryptographic.decrypt(store, input),
    GenerateDataKey: (input) => cryptographic.generateDataKey(store, input),
    GenerateDataKeyWithoutPlaintext: (input) => cryptographic.generateDataKeyWithoutPlaintext(store, input),
  };
}
