/** Access log of a stage: the declared format with its `$context` variables filled, one line per request. */
import type { WriteStream } from 'node:fs';
import { createWriteStream } from 'node:fs';

/** Values by variable name without `$context.`, e.g. `identity.sourceIp`. */
export type AccessLogValues = Record<string, string | number | undefined>;

export class AccessLog {
  readonly #format: string;
  readonly #stream: WriteStream;

  constructor(file: string, format: string) {
    this.#format = format;
    this.#stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  }

  write(values: AccessLogValues): void {
    this.#stream.write(`${accessLogLine(this.#format, values)}\n`);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }
}

/** Unknown variables give `-`. Paths and user agents are attacker-controlled: quotes and line breaks are escaped, so that a line stays one JSON object. */
function accessLogLine(format: string, values: AccessLogValues): string {
  return format.replaceAll(/\$context\.([A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*)/g, (_variable, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    return value === undefined || value === '' ? '-' : JSON.stringify(String(value)).slice(1, -1);
  });
}
