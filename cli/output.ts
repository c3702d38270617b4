/** Where a command writes: results on stdout, talk on stderr. Text of the server is shown, never obeyed. */

export interface Streams {
  stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  stderr: { write(text: string): unknown; isTTY?: boolean };
}

/** C0 and C1 controls but line feed and tab, and direction overrides: they could rewrite what a terminal shows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text of somebody else (attacker-controlled) with everything that a terminal would act on made visible. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same on one line. */
export function oneLine(text: string): string {
  return visible(text.replace(/\s+/g, ' ').trim());
}

/** API tokens, and anything that is shaped like a signed one. */
const TOKENS = /\bglt_[\w-]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;

/** The same without tokens: what a person has typed or a server has sent is not spread further. */
export function withoutTokens(text: string): string {
  return text.replace(TOKENS, '[token]');
}

export function holdsToken(text: string): boolean {
  return withoutTokens(text) !== text;
}

const COLOURS = { good: 32, bad: 31, warn: 33, dim: 2 } as const;

export class Output {
  readonly #streams: Streams;
  readonly #coloured: boolean;
  readonly json: boolean;

  /** `env` decides on colours: NO_COLOR switches them off, and so does anything that is not a terminal. */
  constructor(streams: Streams, options: { json: boolean; env: NodeJS.ProcessEnv }) {
    this.#streams = streams;
    this.json = options.json;
    this.#coloured = streams.stdout.isTTY === true && !options.env['NO_COLOR'] && options.env['TERM'] !== 'dumb';
  }

  /** A line of the result; nothing with `--json`. */
  line(text = ''): void {
    if (!this.json) this.#streams.stdout.write(`${text}\n`);
  }

  /** The result as one JSON document; nothing without `--json`. */
  document(value: unknown): void {
    if (this.json) this.#streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Text as it is, whether or not `--json` is given. */
  raw(text: string): void {
    this.#streams.stdout.write(text);
  }

  /** Progress and remarks. */
  talk(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }

  paint(colour: keyof typeof COLOURS, text: string): string {
    return this.#coloured ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }

  get tick(): string {
    return this.paint('good', '✓');
  }

  get cross(): string {
    return this.paint('bad', '✗');
  }
}
