/** Handlers that most calls of their function do not need: their code is loaded by the first call that does. */
import type { RouteHandler, TwoPhaseHandler } from './http.ts';

/** `load` imports the module of the handler; the build keeps it in a chunk of its own. */
export function lazily(load: () => Promise<RouteHandler>): TwoPhaseHandler {
  let loading: Promise<RouteHandler> | undefined;
  const handler = () => {
    loading ??= load();
    return loading;
  };
  return {
    async find(call) {
      const loaded = await handler();
      return typeof loaded === 'function' ? undefined : loaded.find(call);
    },
    async handle(call, found) {
      const loaded = await handler();
      return typeof loaded === 'function' ? loaded(call) : loaded.handle(call, found);
    },
  };
}
