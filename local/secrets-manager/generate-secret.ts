/** GenerateSecretString of a template and GetRandomPassword. */
import { randomInt } from 'node:crypto';
import { SecretsError } from './secrets.ts';

/** Options as AWS names them; all of them are values of the caller. Templates may spell booleans and numbers as strings. */
export type GenerateOptions = Record<string, unknown>;

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const MOST_CHARACTERS = 4096;

/** A password of `PasswordLength` characters (32), with one of each class unless `RequireEachIncludedType` is false. */
export function generatePassword(options: GenerateOptions): string {
  const excluded = new Set(String(options.ExcludeCharacters ?? ''));
  const classes = [
    isTrue(options.ExcludeLowercase) ? '' : LOWER,
    isTrue(options.ExcludeUppercase) ? '' : UPPER,
    isTrue(options.ExcludeNumbers) ? '' : DIGITS,
    isTrue(options.ExcludePunctuation) ? '' : PUNCTUATION,
    isTrue(options.IncludeSpace) ? ' ' : '',
  ]
    .map((characters) => [...characters].filter((character) => !excluded.has(character)).join(''))
    .filter((characters) => characters !== '');
  const length = Number(options.PasswordLength ?? 32);
  const required = options.RequireEachIncludedType === undefined || isTrue(options.RequireEachIncludedType) ? classes : [];
  if (!Number.isInteger(length) || length < Math.max(1, required.length) || length > MOST_CHARACTERS || classes.length === 0) {
    throw new SecretsError('InvalidParameterException', 'The password length or the excluded characters leave no password to generate.');
  }
  const all = classes.join('');
  const characters = [...required, ...Array.from({ length: length - required.length }, () => all)].map(pick);
  // Fisher-Yates: the required characters must not stand at known places.
  for (let index = characters.length - 1; index > 0; index--) {
    const other = randomInt(index + 1);
    [characters[index], characters[other]] = [characters[other]!, characters[index]!];
  }
  return characters.join('');
}

/** The password alone, or put under `GenerateStringKey` into the JSON object `SecretStringTemplate`. */
export function generateSecretString(options: GenerateOptions): string {
  const password = generatePassword(options);
  const { SecretStringTemplate: template, GenerateStringKey: key } = options;
  if (template === undefined && key === undefined) return password;
  if (typeof template !== 'string' || typeof key !== 'string') {
    throw new SecretsError('InvalidParameterException', 'SecretStringTemplate and GenerateStringKey must be given together.');
  }
  return JSON.stringify({ ...(JSON.parse(template) as object), [key]: password });
}

const pick = (characters: string): string => characters[randomInt(characters.length)]!;

const isTrue = (value: unknown): boolean => value === true || value === 'true';
