/** Packs a folder as one layer: the same files give the same bytes on every machine and day. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';

export interface PackedLayer {
  digest: string;
  size: number;
  /** Digest of the archive before compression, as image configs name it. */
  diffId: string;
  files: number;
}

/** Never part of a release. */
const LEFT_OUT = new Set(['.git', '.greenlight', '.DS_Store']);
/** Byte 9 of a gzip header names the operating system, which must not show: 255 is "unknown". */
const GZIP_SYSTEM_BYTE = 9;

/** Writes `folder` as tar and gzip to `file`. Names are sorted, dates and owners are zero, modes say only whether a file is executable. */
export async function packFolder(folder: string, file: string): Promise<PackedLayer> {
  const archive = pack();
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  let size = 0;
  const written = pipeline(
    archive,
    tap((chunk) => plain.update(chunk)),
    createGzip({ level: 6 }),
    anonymousHeader(),
    tap((chunk) => {
      packed.update(chunk);
      size += chunk.length;
    }),
    createWriteStream(file, { mode: 0o600 }),
  );
  const filled = fill(archive, folder, '').then(
    (files) => {
      archive.finalize();
      return files;
    },
    (error: Error) => {
      archive.destroy(error);
      throw error;
    },
  );
  const [files] = await Promise.all([filled, written]);
  return { digest: `sha256:${packed.digest('hex')}`, size, diffId: `sha256:${plain.digest('hex')}`, files };
}

async function fill(archive: Pack, root: string, below: string): Promise<number> {
  let files = 0;
  const names = (await readdir(join(root, below))).filter((name) => !LEFT_OUT.has(name));
  for (const name of names.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))) {
    const path = below === '' ? name : `${below}/${name}`;
    const found = await lstat(join(root, path));
    const common = { name: path, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' };
    if (found.isDirectory()) {
      archive.entry({ ...common, type: 'directory', mode: 0o755 });
      files += await fill(archive, root, path);
    } else if (found.isSymbolicLink()) {
      archive.entry({ ...common, type: 'symlink', mode: 0o777, linkname: await readlink(join(root, path)) });
      files++;
    } else if (found.isFile()) {
      const mode = (found.mode & 0o111) === 0 ? 0o644 : 0o755;
      await pipeline(createReadStream(join(root, path)), archive.entry({ ...common, size: found.size, mode }));
      files++;
    } else {
      throw new Error(`${path} is neither a file nor a folder nor a link`);
    }
  }
  return files;
}

function tap(see: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      see(chunk);
      done(null, chunk);
    },
  });
}

function anonymousHeader(): Transform {
  let position = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = GZIP_SYSTEM_BYTE - position;
      if (at >= 0 && at < chunk.length) chunk[at] = 0xff;
      position += chunk.length;
      done(null, chunk);
    },
  });
}
