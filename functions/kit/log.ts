/** Structured logs: one JSON object per line, with secrets struck out wherever they hide. */

/** Names of fields that never appear, at any depth. */
const SECRET_FIELDS = new Set([
  't',
  'authorization',
  'cookie',
  'set-cookie',
  'x-slack-signature',
  'tasktoken',
  'token',
  'password',
  'csrf',
  'secret',
]);
/** Values that give themselves away in any text: EKS tokens, presigned queries, access keys, bearer tokens, our API tokens, PEM blocks. */
const SECRET_VALUES =
  /k8s-aws-v1\.[\w-]+|X-Amz-(?:Signature|Security-Token)=[^&\s"]+|\bAKIA[0-9A-Z]{16}\b|\bBearer\s+[\w.~+/-]+=*|\beyJ[\w-]+\.[\w-]+\.[\w-]+|\bglt_[\w-]{20,}|-----BEGIN[\s\S]+?-----END[^-]+-----|([?&]t=)[^&\s"]+/g;
const DEEPEST = 6;

/** The same value without secrets. Errors become name, message, code and cause. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.replace(SECRET_VALUES, '[redacted]');
  if (value === null || typeof value !== 'object') return value;
  if (depth >= DEEPEST) return '[deep]';
  if (value instanceof Error) {
    const { name, message, cause, stack } = value;
    return redact(
      { name, message, stack: stack?.split('\n').slice(1, 6).join('\n'), ...(cause === undefined ? {} : { cause }) },
      depth + 1,
    );
  }
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, SECRET_FIELDS.has(key.toLowerCase()) ? '[redacted]' : redact(member, depth + 1)]),
  );
}

type Fields = Record<string, unknown>;

function write(level: 'info' | 'warn' | 'error', message: string, fields: Fields = {}): void {
  const line = JSON.stringify({ level, at: new Date().toISOString(), message, ...(redact(fields) as Fields) });
  if (level === 'info') console.log(line);
  else console.error(line);
}

export const log = {
  info: (message: string, fields?: Fields) => write('info', message, fields),
  warn: (message: string, fields?: Fields) => write('warn', message, fields),
  error: (message: string, fields?: Fields) => write('error', message, fields),
};
