/** Reads a CDK cloud assembly (`cdk.out`): the stacks in the order of their dependencies, and the files behind their asset locations. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TemplateError } from './template-error.ts';

/** Values of the pseudo parameters that are the same for every stack. */
export interface Place {
  region: string;
  account: string;
  partition: string;
}

export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
  Condition?: string;
}

export interface TemplateParameter {
  Type: string;
  Default?: string | number;
  AllowedValues?: (string | number)[];
  AllowedPattern?: string;
  MinLength?: number | string;
  MaxLength?: number | string;
}

export interface Template {
  Parameters?: Record<string, TemplateParameter>;
  Mappings?: Record<string, Record<string, Record<string, unknown>>>;
  Conditions?: Record<string, unknown>;
  Resources: Record<string, TemplateResource>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: unknown }; Condition?: string }>;
  Transform?: unknown;
}

export interface AssemblyStack {
  name: string;
  template: Template;
}

export interface Assembly {
  folder: string;
  stacks: AssemblyStack[];
  /** File or folder behind an S3 location of an asset; undefined: not an asset of this assembly. */
  asset(bucket: string, key: string): string | undefined;
}

interface Manifest {
  artifacts?: Record<
    string,
    {
      type: string;
      dependencies?: string[];
      properties?: { templateFile?: string; stackName?: string; file?: string; directoryName?: string };
    }
  >;
}

interface AssetManifest {
  files?: Record<
    string,
    { source: { path?: string; executable?: string[] }; destinations: Record<string, { bucketName: string; objectKey: string }> }
  >;
  dockerImages?: Record<string, unknown>;
}

/** Throws `TemplateError` when the folder is no assembly, or holds what needs Docker or a nested stage. */
export function readAssembly(folder: string, place: Place): Assembly {
  const root = resolve(folder);
  const manifest = readJson<Manifest>(join(root, 'manifest.json'));
  const artifacts = manifest.artifacts ?? {};
  const assets = new Map<string, string>();
  const stacks: AssemblyStack[] = [];
  const visited = new Map<string, 'open' | 'done'>();

  const visit = (id: string): void => {
    const artifact = artifacts[id];
    if (!artifact || visited.get(id) === 'done') return;
    if (visited.get(id) === 'open') throw new TemplateError(`the stacks of ${root} depend on each other in a circle at ${id}`);
    visited.set(id, 'open');
    for (const dependency of artifact.dependencies ?? []) visit(dependency);
    visited.set(id, 'done');
    if (artifact.type === 'cdk:cloud-assembly') throw new TemplateError(`nested assembly ${id}: the local cloud reads one stage only`);
    if (artifact.type === 'cdk:asset-manifest' && artifact.properties?.file) {
      collectAssets(root, join(root, artifact.properties.file), place, assets);
    }
    if (artifact.type === 'aws:cloudformation:stack' && artifact.properties?.templateFile) {
      const template = readJson<Partial<Template>>(join(root, artifact.properties.templateFile));
      stacks.push({ name: artifact.properties.stackName ?? id, template: { ...template, Resources: template.Resources ?? {} } });
    }
  };
  for (const id of Object.keys(artifacts)) visit(id);
  return { folder: root, stacks, asset: (bucket, key) => assets.get(`${bucket}/${key}`) };
}

function collectAssets(root: string, file: string, place: Place, assets: Map<string, string>): void {
  const manifest = readJson<AssetManifest>(file);
  if (Object.keys(manifest.dockerImages ?? {}).length > 0) throw new TemplateError(`${file} declares container images: they need Docker`);
  for (const [id, asset] of Object.entries(manifest.files ?? {})) {
    if (!asset.source.path) throw new TemplateError(`asset ${id} of ${file} is made by a command: it cannot be read here`);
    const path = join(root, asset.source.path);
    if (!existsSync(path)) throw new TemplateError(`asset ${asset.source.path} is missing in ${root}: synthesize again`);
    for (const destination of Object.values(asset.destinations)) {
      assets.set(`${fill(destination.bucketName, place)}/${fill(destination.objectKey, place)}`, path);
    }
  }
}

function fill(text: string, place: Place): string {
  const values: Record<string, string> = { AccountId: place.account, Region: place.region, Partition: place.partition };
  return text.replace(/\$\{AWS::(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    throw new TemplateError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
