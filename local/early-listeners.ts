/** Ports whose numbers are needed before whoever serves them is ready: they answer 503 until `serve`. */
import type { RequestListener } from 'node:http';
import { sendJson } from './http-body.ts';
import { Listeners, type Listening, type ListenOptions } from './listeners.ts';

interface Early {
  listening: Listening;
  handler: RequestListener;
  serving: boolean;
}

const unavailable: RequestListener = (_request, response) => sendJson(response, 503, { message: 'Service Unavailable' });

export class EarlyListeners extends Listeners {
  readonly #early = new Map<string, Early>();

  /** Binds a port now; a later `listen` of the same name gives it its handler. */
  async open(name: string, options: ListenOptions = {}): Promise<Listening> {
    const early: Early = {
      handler: unavailable,
      serving: false,
      listening: await super.listen(name, (request, response) => (early.serving ? early.handler : unavailable)(request, response), options),
    };
    this.#early.set(name, early);
    return early.listening;
  }

  override async listen(name: string, handler: RequestListener, options: ListenOptions = {}): Promise<Listening> {
    const early = this.#early.get(name);
    if (!early) return super.listen(name, handler, options);
    early.handler = handler;
    return early.listening;
  }

  /** Hands requests to the handler from now on. */
  serve(name: string): void {
    this.#set(name, true);
  }

  /** Answers 503 from now on, while requests under way end. */
  drain(name: string): void {
    this.#set(name, false);
  }

  #set(name: string, serving: boolean): void {
    const early = this.#early.get(name);
    if (early) early.serving = serving;
  }
}
