/** HTML by template with every value escaped: foreign text is always text. */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Markup that is safe because only `html` makes it. */
export class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
  toString(): string {
    return this.markup;
  }
}

type Value = string | number | Html | readonly Html[];

/** Tagged template: values are escaped unless they are `Html` themselves. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  const spell = (value: Value): string => {
    if (value instanceof Html) return value.markup;
    if (Array.isArray(value)) return value.map((part) => part.markup).join('');
    return escapeHtml(String(value));
  };
  return new Html(strings.reduce((markup, part, index) => markup + part + (index < values.length ? spell(values[index]!) : ''), ''));
}
