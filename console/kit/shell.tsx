/** The frame around every view: who is signed in, where one can go, and what goes wrong with both. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { withHiddenShown } from '../../core/notification/foreign-text.ts';
import { useKeys } from './keys.ts';
import { KeysDialog } from './keys-dialog.tsx';
import { useLive } from './live.ts';
import { holds, type Me, useMe } from './me.ts';
import { goTo, Link, pathTo, usePlace } from './router.tsx';
import { Foreign } from './text.tsx';
import { THEMES, themeNow, useTheme } from './theme.ts';
import { Toasts } from './toast.tsx';

interface Section {
  name: string;
  part: string;
  /** Whether it has anything to show to somebody. */
  isFor(me: Me | undefined): boolean;
}

const reads = (me: Me | undefined) => me === undefined || holds(me, 'read');
const SECTIONS: readonly Section[] = [
  { name: 'Board', part: '', isFor: reads },
  { name: 'Requests', part: 'requests', isFor: reads },
  { name: 'Inbox', part: 'inbox', isFor: reads },
  { name: 'Insights', part: 'insights', isFor: reads },
  { name: 'Retention', part: 'retention', isFor: (me) => holds(me, 'request') || holds(me, 'gc.apply') },
  { name: 'Audit log', part: 'audit', isFor: (me) => holds(me, 'audit.read') },
];

export function Shell({ children }: { children: ComponentChildren }) {
  const me = useMe();
  const { parts } = usePlace();
  const [isAsking, setAsking] = useState(false);
  // On a phone the sections scroll sideways: where one is can be seen.
  useEffect(() => document.querySelector('.nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [parts[0], me]);
  useKeys({
    '?': () => setAsking(true),
    'g b': () => goTo(pathTo([])),
    'g r': () => goTo(pathTo(['requests'])),
    'g i': () => goTo(pathTo(['inbox'])),
    'g e': () => goTo(pathTo(['environments', me?.environments[0]?.name ?? ''])),
    'g s': () => goTo(pathTo(['insights'])),
    n: () => goTo(pathTo(['new'])),
    '/': () => document.querySelector<HTMLElement>('input[type=search]')?.focus(),
    j: () => step(1),
    k: () => step(-1),
  });
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <div>
          <Link to={pathTo([])} class="logo">
            <Logo />
            Greenlight
          </Link>
          <nav class="nav" aria-label="Sections">
            {SECTIONS.filter(({ isFor }) => isFor(me)).map(({ name, part }) => (
              <Link key={part} to={pathTo(part === '' ? [] : [part])} aria-current={(parts[0] ?? '') === part ? 'page' : undefined}>
                {name}
                {part === 'inbox' && me && <Waiting />}
              </Link>
            ))}
          </nav>
          <button type="button" class="button quiet tiny keys" aria-label="Keys" title="Keys (?)" onClick={() => setAsking(true)}>
            ?
          </button>
          <ThemeButton />
          {me && <Account me={me} />}
        </div>
      </header>
      <main id="main" class="page" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
      {isAsking && <KeysDialog onClose={() => setAsking(false)} />}
    </>
  );
}

/** The focus goes on to the next or previous thing of the list. */
function step(by: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>('[data-item]')];
  const at = items.findIndex((item) => item === document.activeElement || item.contains(document.activeElement));
  items.at(at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by)))?.focus();
}

/** How much waits for me. */
function Waiting() {
  const { data } = useLive('inbox', { query: { view: 'pending', limit: '20' } }, () => 15_000);
  const count = data?.items.length ?? 0;
  if (count === 0) return null;
  return (
    <span class="count">
      {data?.nextCursor === undefined ? count : `${count}+`}
      <span class="hidden"> waiting for you</span>
    </span>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(themeNow);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  const change = () => {
    useTheme(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      class="button quiet tiny"
      onClick={change}
      title={`Colours: ${theme}`}
      aria-label={`Colours: ${theme}; change to ${next}`}
    >
      {{ system: '◐', light: '☀', dark: '☾' }[theme]}
    </button>
  );
}

function Account({ me }: { me: Me }) {
  return (
    <form method="post" action="/v1/logout" class="row tight account">
      <span class="small soft who" title={me.email}>
        <Foreign text={me.name || me.email} />
      </span>
      <button type="submit" class="button quiet tiny">
        Sign out
      </button>
    </form>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#0b6e3b" />
      <path d="M8 16.5l5.5 5.5L24.5 11" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

interface HeadProps {
  title: string;
  /** Above the title: where this belongs. */
  kicker?: ComponentChildren;
  /** The title as it is shown, if it holds more than text. */
  heading?: ComponentChildren;
  below?: ComponentChildren;
  children?: ComponentChildren;
}

/** Title of a view, which an address may have named: the window has it, and whoever comes here by a link hears it first. */
export function Head({ title, kicker, heading, below, children }: HeadProps) {
  const element = useRef<HTMLHeadingElement>(null);
  const { parts } = usePlace();
  const place = parts.join('/');
  useEffect(() => {
    document.title = `${withHiddenShown(title)} · Greenlight`;
  }, [title]);
  // Once for each place.
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest('nav')) element.current?.focus({ preventScroll: true });
  }, [place]);
  return (
    <div class="head">
      <div>
        {kicker !== undefined && <p class="kicker">{kicker}</p>}
        <h1 ref={element} tabIndex={-1}>
          {heading ?? <Foreign text={title} />}
        </h1>
        {below}
      </div>
      {children !== undefined && <div class="row actions">{children}</div>}
    </div>
  );
}
