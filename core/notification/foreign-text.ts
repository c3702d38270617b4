/** Text of somebody else as people may see it. */

/** Direction overrides and other characters that show nothing but move or hide what stands around them. */
const DECEPTIVE = /[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** The text (attacker-controlled) with what hides in it made visible. */
export function withHiddenShown(text: string): string {
  return text.replace(DECEPTIVE, (character) => `[U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`);
}
