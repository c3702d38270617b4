/** Operations that use the material of a key. Each answers the fields of its output. */
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, timingSafeEqual, verify } from 'node:crypto';
import { keyIdIn, seal, unseal } from './ciphertext.ts';
import { KEY_KINDS, type KeyUsage } from './key-spec.ts';
import type { KeyStore, KmsKey } from './key-store.ts';
import { invalid, KmsError } from './kms-error.ts';
import { blob, choice, encryptionContext, integer, type KmsInput, MESSAGE_LIMIT } from './kms-input.ts';
import { signDigest, verifyDigest } from './p256-digest.ts';

export type KmsOperation = (store: KeyStore, input: KmsInput) => Record<string, unknown>;

/** The key that the request names, ready to be used. Throws DisabledException, KMSInvalidStateException, InvalidKeyUsageException. */
function usableKey(store: KeyStore, name: unknown, usage: KeyUsage, input: KmsInput): KmsKey {
  const { key } = store.resolve(name);
  if (Array.isArray(input.GrantTokens) && input.GrantTokens.length > 0)
    throw new KmsError('InvalidGrantTokenException', 'Grants are not supported.');
  if (key.deletion !== undefined) throw new KmsError('KMSInvalidStateException', `${key.arn} is pending deletion.`);
  if (!key.enabled) throw new KmsError('DisabledException', `${key.arn} is disabled.`);
  if (key.usage !== usage)
    throw new KmsError('InvalidKeyUsageException', `${key.arn} key usage is ${key.usage} which is not valid for this operation.`);
  if (input.DryRun === true)
    throw new KmsError('DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.');
  return key;
}

export const generateMac: KmsOperation = (store, input) => {
  const message = blob(input, 'Message', MESSAGE_LIMIT);
  const { key, algorithm } = macKey(store, input);
  return { KeyId: key.arn, Mac: hmac(store, key, message).toString('base64'), MacAlgorithm: algorithm };
};

export const verifyMac: KmsOperation = (store, input) => {
  const message = blob(input, 'Message', MESSAGE_LIMIT);
  const mac = blob(input, 'Mac');
  const { key, algorithm } = macKey(store, input);
  const expected = hmac(store, key, message);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) throw new KmsError('KMSInvalidMacException', '');
  return { KeyId: key.arn, MacValid: true, MacAlgorithm: algorithm };
};

function macKey(store: KeyStore, input: KmsInput) {
  const algorithm = choice(input, 'MacAlgorithm', ['HMAC_SHA_224', 'HMAC_SHA_256', 'HMAC_SHA_384', 'HMAC_SHA_512']);
  const key = usableKey(store, input.KeyId, 'GENERATE_VERIFY_MAC', input);
  if (algorithm !== 'HMAC_SHA_256') throw wrongAlgorithm(algorithm, key);
  return { key, algorithm };
}

function hmac(store: KeyStore, key: KmsKey, message: Buffer): Buffer {
  return createHmac('sha256', store.material(key)).update(message).digest();
}

export const signMessage: KmsOperation = (store, input) => {
  const { key, algorithm, message, digested } = signingRequest(store, input);
  const privateKey = privateKeyOf(store, key);
  let signature: Buffer;
  if (algorithm === 'ED25519_SHA_512') signature = sign(null, message, privateKey);
  else signature = digested ? signDigest(privateKey, message) : sign('sha256', message, privateKey);
  return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm: algorithm };
};

export const verifySignature: KmsOperation = (store, input) => {
  const signature = blob(input, 'Signature');
  const { key, algorithm, message, digested } = signingRequest(store, input);
  const publicKey = createPublicKey(privateKeyOf(store, key));
  let valid: boolean;
  if (algorithm === 'ED25519_SHA_512') valid = verify(null, message, publicKey, signature);
  else valid = digested ? verifyDigest(publicKey, message, signature) : verify('sha256', message, publicKey, signature);
  if (!valid) throw new KmsError('KMSInvalidSignatureException', '');
  return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: algorithm };
};

function signingRequest(store: KeyStore, input: KmsInput) {
  const message = blob(input, 'Message', MESSAGE_LIMIT);
  const digested = choice(input, 'MessageType', ['RAW', 'DIGEST'], 'RAW') === 'DIGEST';
  const key = usableKey(store, input.KeyId, 'SIGN_VERIFY', input);
  const algorithm = String(input.SigningAlgorithm ?? '');
  if (!KEY_KINDS[key.spec].algorithms.SigningAlgorithms?.includes(algorithm)) throw wrongAlgorithm(algorithm, key);
  if (digested && algorithm === 'ED25519_SHA_512') throw invalid(`MessageType DIGEST is not valid for the algorithm ${algorithm}.`);
  if (digested && message.length !== 32) throw invalid(`Digest is invalid length for algorithm ${algorithm}.`);
  return { key, algorithm, message, digested };
}

function wrongAlgorithm(algorithm: string, key: KmsKey): KmsError {
  return new KmsError('InvalidKeyUsageException', `Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`);
}

function privateKeyOf(store: KeyStore, key: KmsKey): KeyObject {
  return createPrivateKey({ key: store.material(key), format: 'der', type: 'pkcs8' });
}

export const getPublicKey: KmsOperation = (store, input) => {
  const { key } = store.resolve(input.KeyId);
  if (key.usage !== 'SIGN_VERIFY')
    throw new KmsError('UnsupportedOperationException', `${key.arn} key spec is ${key.spec} which has no public key.`);
  usableKey(store, input.KeyId, 'SIGN_VERIFY', input);
  const der = createPublicKey(privateKeyOf(store, key)).export({ format: 'der', type: 'spki' });
  return {
    KeyId: key.arn,
    PublicKey: der.toString('base64'),
    KeySpec: key.spec,
    CustomerMasterKeySpec: key.spec,
    KeyUsage: key.usage,
    ...KEY_KINDS[key.spec].algorithms,
  };
};

export const encrypt: KmsOperation = (store, input) => {
  const plaintext = blob(input, 'Plaintext', MESSAGE_LIMIT);
  const context = encryptionContext(input);
  const key = usableKey(store, input.KeyId, 'ENCRYPT_DECRYPT', input);
  choice(input, 'EncryptionAlgorithm', ['SYMMETRIC_DEFAULT'], 'SYMMETRIC_DEFAULT');
  const sealed = seal(key.id, store.material(key), context, plaintext);
  return { KeyId: key.arn, CiphertextBlob: sealed.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
};

export const decrypt: KmsOperation = (store, input) => {
  const sealed = blob(input, 'CiphertextBlob');
  const context = encryptionContext(input);
  if (input.Recipient !== undefined) throw new KmsError('UnsupportedOperationException', 'Recipient (Nitro enclaves) is not supported.');
  choice(input, 'EncryptionAlgorithm', ['SYMMETRIC_DEFAULT'], 'SYMMETRIC_DEFAULT');
  const id = keyIdIn(sealed);
  const key = usableKey(store, input.KeyId ?? id, 'ENCRYPT_DECRYPT', input);
  if (key.id !== id)
    throw new KmsError('IncorrectKeyException', 'The key ID in the request does not identify a CMK that can perform this operation.');
  const plaintext = unseal(store.material(key), context, sealed);
  return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
};

export const generateDataKey: KmsOperation = (store, input) => {
  if ((input.KeySpec === undefined) === (input.NumberOfBytes === undefined))
    throw invalid('Please specify either number of bytes or key spec.');
  if (input.Recipient !== undefined) throw new KmsError('UnsupportedOperationException', 'Recipient (Nitro enclaves) is not supported.');
  const named = input.KeySpec === undefined ? undefined : choice(input, 'KeySpec', ['AES_256', 'AES_128']);
  const bytes = named ? { AES_256: 32, AES_128: 16 }[named] : integer(input, 'NumberOfBytes', [1, 1024], 32);
  const context = encryptionContext(input);
  const key = usableKey(store, input.KeyId, 'ENCRYPT_DECRYPT', input);
  const plaintext = randomBytes(bytes);
  const sealed = seal(key.id, store.material(key), context, plaintext);
  return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), CiphertextBlob: sealed.toString('base64') };
};

export const generateDataKeyWithoutPlaintext: KmsOperation = (store, input) => {
  const { KeyId, CiphertextBlob } = generateDataKey(store, input);
  return { KeyId, CiphertextBlob };
};
