/** Words on the page: those of others inert and in their own direction, digests, times, and small coloured words. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { withHiddenShown } from '../../core/notification/foreign-text.ts';
import { now } from './clock.ts';
import { absolute, fromNow } from './time-words.ts';
import type { Tone } from './tone.ts';

/** Text of somebody else, attacker-controlled: in its own direction, so that it cannot reorder ours, and with what hides in it made visible. */
export function Foreign({ text }: { text: string }) {
  return <bdi dir="auto">{withHiddenShown(text)}</bdi>;
}

/** Characters of a long text that are shown at once. */
const SHOWN = 1_200;

/** A text cut where it is longer than anybody reads at a glance, with a button for the rest. */
export function Cut({ text, children }: { text: string; children(shown: string): ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  const isLong = text.length > SHOWN;
  return (
    <>
      {children(isLong && !isOpen ? `${text.slice(0, SHOWN).replace(/[\ud800-\udbff]$/, '')}…` : text)}
      {isLong && (
        <button type="button" class="button quiet tiny" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Show less' : `Show all ${text.length.toLocaleString('en')} characters`}
        </button>
      )}
    </>
  );
}

/** Text of somebody else with its line breaks. */
export function LongText({ text }: { text: string }) {
  return (
    <div class="pre">
      <Cut text={text}>{(shown) => <Foreign text={shown} />}</Cut>
    </div>
  );
}

/** A digest with its last six characters, which people compare and type, standing out. */
export function Digest({ digest, short = false }: { digest: string; short?: boolean }) {
  const start = short ? 'sha256:…' : digest.slice(0, -6);
  return (
    <code class="digest" title={digest}>
      {start}
      <mark>{digest.slice(-6)}</mark>
    </code>
  );
}

/** A text in which digests are as short as people read them; the whole ones stand elsewhere on the page. */
export function shortDigests(text: string): string {
  return text.replaceAll(/\b(sha256:)[0-9a-f]{58}([0-9a-f]{6})\b/g, '$1…$2');
}

/** A button that puts a text on the clipboard. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  return (
    <button type="button" class="copy" onClick={() => void copy().catch(() => {})}>
      {isDone ? 'Copied' : 'Copy'} <span class="hidden">{what}</span>
    </button>
  );
}

/** A time: how far away it is, and in full with its zone, beside it or in the tip. */
export function When({ at, full = false }: { at: string; full?: boolean }) {
  const moment = useMinute();
  const exact = absolute(at);
  return (
    <time dateTime={at} title={exact}>
      {full ? `${exact} (${fromNow(at, moment)})` : fromNow(at, moment)}
    </time>
  );
}

/** Renders again as time goes by. */
function useMinute(): number {
  const [moment, setMoment] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setMoment(now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(moment, now());
}

export function Badge({ tone, moving = false, text }: { tone: Tone; moving?: boolean; text: string }) {
  return <span class={`badge ${tone}${moving ? ' moving' : ''}`}>{text}</span>;
}

/** How far something is; `share` from 0 to 1. */
export function Bar({ share, tone = 'calm', label }: { share: number; tone?: Tone; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div class={`bar ${tone}`} role="progressbar" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} aria-label={label}>
      <i style={{ width: `${percent}%` }} />
    </div>
  );
}

/** First letter large, and a stop at the end: the API words problems as parts of a line. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?…:]$/.test(text) ? '' : '.'}`;
}

/** `pending_approval` as people read it. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}
