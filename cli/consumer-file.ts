/** `floe.yaml` (or `manifest.yaml`) of a team that builds on an artifact: which version it takes, and which it has. Comments stay where they are. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, isScalar, parseDocument } from 'yaml';
import { usageFailure } from './failure.ts';

const NAMES = ['floe.yaml', 'manifest.yaml'];

/** `oci://host/path/name:tag`. */
const REFERENCE = /^(?<place>(?:oci:\/\/)?[^\s/:@]+(?::[0-9]+)?\/(?:[^\s:@]+\/)?(?<artifact>[^\s/:@]+)):(?<tag>[^\s@]+)$/;

/** An exact version in either spelling; anything else in the place of the tag is a constraint. */
const EXACT = /^v?(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:[-+][0-9A-Za-z.+-]+)?$/;

export interface ConsumerFile {
  name: string;
  artifact: string;
  /** Which versions are taken. */
  constraint: string;
  /** Version that is used now, where the file says so. */
  current: string | undefined;
  /** Writes the version that is used from now on. */
  save(version: string, digest: string): void;
}

/** `constraint` of the caller wins over what the file says. */
export function readConsumerFile(folder: string, wanted: string | undefined, constraint: string | undefined): ConsumerFile {
  const name = wanted ?? NAMES.find((each) => existsSync(join(folder, each)));
  const path = name === undefined ? undefined : join(folder, name);
  if (name === undefined || path === undefined || !existsSync(path)) {
    throw usageFailure(
      `there is no ${wanted ?? 'floe.yaml'} in this folder`,
      'write platform: { ref: "oci://registry/NAME:v1.2.*" }, or give --file',
    );
  }
  const document = parseDocument(readFileSync(path, 'utf8'), { uniqueKeys: true });
  if (document.errors.length > 0) throw usageFailure(`${name} is not YAML: ${document.errors[0]!.message.split('\n')[0]}`);
  const text = (key: string): string | undefined => {
    const value: unknown = isMap(document.contents) ? document.getIn(['platform', key]) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const reference = REFERENCE.exec(text('ref') ?? '')?.groups;
  if (!reference)
    throw usageFailure(`${name} has no platform.ref that names a version`, 'write ref: oci://registry.example.com/floe-platform:v1.2.*');
  const { place, artifact, tag } = reference as { place: string; artifact: string; tag: string };
  const isExact = EXACT.test(tag);
  return {
    name,
    artifact,
    constraint: constraint ?? text('constraint') ?? tag,
    current: text('version') ?? (isExact ? tag : undefined),
    save(version, digest) {
      if (isExact) put(document, 'ref', `${place}:${version}`);
      if (!isExact || text('version') !== undefined) put(document, 'version', version);
      put(document, 'digest', digest);
      const draft = `${path}.${process.pid}.tmp`;
      writeFileSync(draft, document.toString({ lineWidth: 0 }));
      // Whoever reads it meanwhile sees the one or the other.
      renameSync(draft, path);
    },
  };
}

/** Changes the value and leaves its comment. */
function put(document: Document, key: string, value: string): void {
  const node = document.getIn(['platform', key], true);
  if (isScalar(node)) node.value = value;
  else document.setIn(['platform', key], value);
}
