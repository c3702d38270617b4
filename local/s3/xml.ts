/** The little XML that the S3 and STS protocols need: a writer for answers and a strict reader for request bodies. */

/** A value of an answer: text, nested elements, a list (repeats its element) or nothing (the element is left out). */
export type XmlValue = string | number | boolean | undefined | XmlValue[] | { [name: string]: XmlValue };

export interface XmlElement {
  name: string;
  /** Text directly inside, entities resolved. */
  text: string;
  children: XmlElement[];
}

/** The request body is not the XML that the operation expects. */
export class MalformedXml extends Error {
  override readonly name = 'MalformedXml';
}

const MARKUP: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Escapes text; characters that XML 1.0 has no literal form for (keys may hold them) become references, as S3 writes them. */
function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: object keys may contain control characters.
  return text.replace(/[&<>"\u0000-\u001f]/g, (character) => MARKUP[character] ?? `&#x${character.charCodeAt(0).toString(16)};`);
}

/** Writes one document with `root` as its element, e.g. `writeXml('Error', {Code: 'NoSuchKey'})`. */
export function writeXml(root: string, content: { [name: string]: XmlValue }, namespace?: string): string {
  const attribute = namespace ? ` xmlns="${namespace}"` : '';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${writeChildren(content)}</${root}>`;
}

function writeChildren(content: { [name: string]: XmlValue }): string {
  return Object.entries(content)
    .map(([name, value]) => writeElement(name, value))
    .join('');
}

function writeElement(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((item) => writeElement(name, item)).join('');
  const inner = typeof value === 'object' ? writeChildren(value) : escapeXml(String(value));
  return `<${name}>${inner}</${name}>`;
}

const NESTING_LIMIT = 20;
const TOKEN = /<(\/?)([A-Za-z_][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|<\?[^>]*\?>|<!--[\s\S]*?-->|([^<]+)/y;

/** Reads a document. Document types, entities of its own and CDATA are refused: the body comes from the caller. Throws MalformedXml. */
export function readXml(document: string): XmlElement {
  const root: XmlElement = { name: '', text: '', children: [] };
  const open = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < document.length) {
    const token = TOKEN.exec(document);
    if (!token) throw new MalformedXml('unexpected markup');
    const [, closing, name, , empty, text] = token;
    const current = open.at(-1)!;
    if (text !== undefined) current.text += unescapeXml(text);
    else if (name === undefined) continue;
    else if (closing) {
      if (open.length === 1 || current.name !== localName(name)) throw new MalformedXml(`unexpected </${name}>`);
      open.pop();
    } else {
      const element = { name: localName(name), text: '', children: [] };
      current.children.push(element);
      if (!empty) open.push(element);
      if (open.length > NESTING_LIMIT) throw new MalformedXml('nested too deeply');
    }
  }
  const [first, ...more] = root.children;
  if (open.length > 1 || !first || more.length > 0 || root.text.replace(/^\ufeff/, '').trim()) throw new MalformedXml('not one element');
  return first;
}

/** First child of that name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((candidate) => candidate.name === name);
}

/** Trimmed text of the first child of that name. */
export function childText(element: XmlElement | undefined, name: string): string | undefined {
  return child(element, name)?.text.trim();
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|\w+)?;?/g, (whole, entity: string | undefined) => {
    if (!entity || !whole.endsWith(';')) throw new MalformedXml('bad entity');
    if (!entity.startsWith('#')) {
      const character = ENTITIES[entity];
      if (character === undefined) throw new MalformedXml(`unknown entity ${entity}`);
      return character;
    }
    const code = entity[1] === 'x' ? Number.parseInt(entity.slice(2), 16) : Number.parseInt(entity.slice(1), 10);
    if (code === 0 || code > 0x10ffff) throw new MalformedXml('bad character');
    return String.fromCodePoint(code);
  });
}
