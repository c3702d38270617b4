/** A template, or a value given to it, that the local cloud cannot provision. The start ends with exit code 1 and this message. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
