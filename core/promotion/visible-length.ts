/** How long the texts of people must be, in characters that a reader sees. Without any library: browsers ask the same before they send. */

/** Visible characters that a text has at least. */
export const LEAST = { justification: 20, reason: 10 } as const;

/** Characters that show nothing: white space, control, format and separator characters, fillers, and the braille pattern without dots. */
const INVISIBLE = /[\s\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Number of characters that a reader sees. */
export function visibleLength(text: string): number {
  return [...text.replace(INVISIBLE, '')].length;
}
