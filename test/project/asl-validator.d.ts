/** asl-validator comes without types: what we use of it. */
declare module 'asl-validator' {
  export default function validate(definition: unknown): { isValid: boolean; errorsText(separator?: string): string };
}
