/** Decodes `aws-chunked` bodies: chunks of `<hex length>[;chunk-signature=…]`, then trailers such as `x-amz-checksum-crc32`. */

export interface Chunk {
  data: Buffer;
  /** Present in bodies whose chunks are signed. */
  signature: string | undefined;
}

export interface ChunkedBody {
  chunks: Chunk[];
  /** Lower-case names. */
  trailers: Record<string, string>;
}

/** Throws when the framing is broken: lengths that do not fit, a missing last chunk. */
export function decodeAwsChunked(body: Buffer): ChunkedBody {
  const chunks: Chunk[] = [];
  let offset = 0;
  for (;;) {
    const end = body.indexOf('\r\n', offset);
    const header = end < 0 ? null : /^([0-9a-fA-F]+)(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(body.toString('latin1', offset, end));
    if (!header) throw new Error('the aws-chunked body has no chunk header where one is due');
    const length = Number.parseInt(header[1]!, 16);
    const start = end + 2;
    const data = body.subarray(start, start + length);
    if (data.length !== length) throw new Error('the aws-chunked body ends inside a chunk');
    chunks.push({ data, signature: header[2] });
    offset = start + length;
    if (length === 0) return { chunks, trailers: readTrailers(body.toString('latin1', offset)) };
    if (body.toString('latin1', offset, offset + 2) !== '\r\n')
      throw new Error('the aws-chunked body has a chunk of another length than it says');
    offset += 2;
  }
}

function readTrailers(text: string): Record<string, string> {
  const trailers: Record<string, string> = {};
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return trailers;
}
