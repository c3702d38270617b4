/** The project's own source files and what they import, read as text: TypeScript 7 has no API that tools could ask. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');
export const LAYERS = ['bin', 'core', 'adapters', 'functions', 'lib', 'cli', 'console', 'local', 'bench', 'scripts', 'test'] as const;
export type Layer = (typeof LAYERS)[number];

export interface SourceFile {
  /** Path from the root with slashes, e.g. `core/errors.ts`. */
  path: string;
  layer: Layer;
  text: string;
}

export interface Import {
  /** As written. */
  specifier: string;
  /** Path from the root for a file of the project; undefined for a package. */
  file?: string;
  /** Package name without its subpath; undefined for a file. */
  package?: string;
  typeOnly: boolean;
}

/** Every TypeScript file of a layer. */
export function sourceFiles(...layers: readonly Layer[]): SourceFile[] {
  return (layers.length === 0 ? LAYERS : layers).flatMap((layer) =>
    filesBelow(join(ROOT, layer))
      .filter((file) => /\.(tsx?|mjs)$/.test(file))
      .map((file) => ({ path: relative(ROOT, file).replaceAll('\\', '/'), layer, text: readFileSync(file, 'utf8') })),
  );
}

/** Files below a folder; a folder that does not exist has none. */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const STATEMENT = /^(?:import|export)\s+(type\s)?[^;'"`]*?from\s*['"]([^'"]+)['"]/gm;
const BARE = /^import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** What a file imports, comments left out. A dynamic import of a computed address is not seen. */
export function importsOf(source: SourceFile): Import[] {
  const text = withoutComments(source.text);
  return [
    ...[...text.matchAll(STATEMENT)].map(([, type, specifier]) => resolveImport(source, specifier!, type !== undefined)),
    ...[...text.matchAll(BARE)].map(([, specifier]) => resolveImport(source, specifier!, false)),
    ...[...text.matchAll(DYNAMIC)].map(([, specifier]) => resolveImport(source, specifier!, false)),
  ];
}

/** Text without block comments and without lines that are a comment as a whole. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

function resolveImport(source: SourceFile, specifier: string, typeOnly: boolean): Import {
  if (specifier.startsWith('.')) return { specifier, file: posix.join(posix.dirname(source.path), specifier), typeOnly };
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : specifier.startsWith('node:') ? specifier : parts[0]!;
  return { specifier, package: name, typeOnly };
}
