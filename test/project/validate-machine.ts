import validateDefinition from 'asl-validator';

/** What AWS would refuse in a definition, one message each. */
export function validate(definition: unknown): string[] {
  const verdict = validateDefinition(definition);
  return verdict.isValid ? [] : verdict.errorsText('\n').split('\n');
}
