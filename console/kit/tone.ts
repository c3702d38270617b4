/** What a colour says; the words beside it say the same. */
export type Tone = 'good' | 'bad' | 'warn' | 'calm' | 'idle';
