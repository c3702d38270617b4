/**
 * Reads objects in `application/vnd.kubernetes.protobuf`, which kubectl's typed commands send without a fallback to JSON. Only the kinds and
 * fields of `protobuf-fields.ts` are known: a value in any other field is refused, never dropped. Answers are always JSON.
 */
import { KubeError } from '../kube-error.ts';
import type { Fields } from '../kube-object.ts';
import { type ProtobufField, protobufFields } from './protobuf-fields.ts';

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const MAGIC = Buffer.from('k8s\0');

interface Wire {
  number: number;
  value: number | Buffer;
}

/** The object of a protobuf body. Throws 415 for what it cannot read. */
export function readProtobuf(bytes: Buffer): Fields {
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw unreadable('the body does not begin with k8s');
  const envelope = fieldsOf(bytes.subarray(4));
  const type = fieldsOf(envelope.find(({ number }) => number === 1)?.value as Buffer);
  const text = (number: number) => String(type.find((field) => field.number === number)?.value ?? '');
  const raw = envelope.find(({ number }) => number === 2)?.value;
  if (!Buffer.isBuffer(raw)) throw unreadable('the body holds no object');
  return { apiVersion: text(1), kind: text(2), ...readMessage(text(2), raw) };
}

function readMessage(message: string, bytes: Buffer): Fields {
  const known = protobufFields(message);
  if (!known) throw unreadable(`${message} is read as JSON only`);
  const result: Fields = {};
  for (const { number, value } of fieldsOf(bytes)) {
    const field = known.get(number);
    if (!field) {
      if (!isEmpty(value)) throw unreadable(`field ${number} of ${message} is read as JSON only`);
    } else if (field.map) addEntry(result, field, value as Buffer);
    else if (field.repeated) result[field.name] = [...(result[field.name] ?? []), readValue(field, value)];
    else {
      const read = readValue(field, value);
      if (read !== undefined) result[field.name] = read;
    }
  }
  return result;
}

function addEntry(result: Fields, field: ProtobufField, bytes: Buffer): void {
  const [key, value] = [1, 2].map((number) => fieldsOf(bytes).find((each) => each.number === number)?.value);
  const read = value === undefined ? '' : readValue(field, value);
  result[field.name] = { ...result[field.name], [String(key ?? '')]: read ?? '' };
}

function readValue({ type, repeated }: ProtobufField, value: number | Buffer): unknown {
  switch (type) {
    case 's':
      return repeated || value.toString() !== '' ? value.toString() : undefined;
    case 'i':
      return value === 0 ? undefined : value;
    case 'I':
      return value;
    case 'b':
      return value === 0 ? undefined : true;
    case 'B':
      return value !== 0;
    case 't':
      // The server sets all times of what it creates.
      return undefined;
    case 'q':
      return String(fieldsOf(value as Buffer)[0]?.value ?? '0');
    case 'x':
      return readIntOrString(value as Buffer);
    default: {
      const object = readMessage(type, value as Buffer);
      return repeated || Object.keys(object).length > 0 ? object : undefined;
    }
  }
}

function readIntOrString(bytes: Buffer): number | string | undefined {
  const fields = new Map(fieldsOf(bytes).map(({ number, value }) => [number, value]));
  if (fields.get(1) === 1) return String(fields.get(3) ?? '');
  return (fields.get(2) as number | undefined) || undefined;
}

/** Splits a message into its fields: varints as numbers, length-delimited ones as bytes. */
function fieldsOf(bytes: Buffer | undefined): Wire[] {
  const fields: Wire[] = [];
  let at = 0;
  const varint = (): number => {
    let result = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = bytes?.[at++];
      if (byte === undefined) throw unreadable('the message is cut off');
      result |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, result));
    }
    throw unreadable('a number is too long');
  };
  while (bytes && at < bytes.length) {
    const tag = varint();
    const number = tag >>> 3;
    if ((tag & 7) === 0) fields.push({ number, value: varint() });
    else if ((tag & 7) === 2) {
      const length = varint();
      if (length < 0 || at + length > bytes.length) throw unreadable('the message is cut off');
      fields.push({ number, value: bytes.subarray(at, at + length) });
      at += length;
    } else throw unreadable(`wire type ${tag & 7} is unknown`);
  }
  return fields;
}

/** True for zeros, empty strings and messages that hold nothing else: encoders write them for unset fields. */
function isEmpty(value: number | Buffer): boolean {
  if (typeof value === 'number') return value === 0;
  if (value.length === 0) return true;
  try {
    return fieldsOf(value).every((field) => isEmpty(field.value));
  } catch {
    return false;
  }
}

function unreadable(detail: string): KubeError {
  return new KubeError(415, 'UnsupportedMediaType', `the body of the request cannot be read as protobuf: ${detail}`);
}
