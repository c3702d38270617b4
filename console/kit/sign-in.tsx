import { pathTo } from './router.tsx';
import { Logo } from './shell.tsx';

/** What somebody sees who is not signed in: the way in, and back here afterwards. */
export function SignIn({ wasIn }: { wasIn: boolean }) {
  const back = location.pathname.startsWith(pathTo([])) ? `${location.pathname}${location.search}` : pathTo([]);
  return (
    <main id="main" class="page sign-in">
      <div class="card empty">
        <p class="logo">
          <Logo />
          Greenlight
        </p>
        <h1>{wasIn ? 'Your session is over' : 'Sign in to go on'}</h1>
        <p>See what runs where, what waits for you, and decide.</p>
        <a class="button primary" href={`/v1/login?return=${encodeURIComponent(back)}`}>
          Sign in
        </a>
      </div>
    </main>
  );
}
