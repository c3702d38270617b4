/** NODE_EXTRA_CA_CERTS is read once per process, so a worker thread learns the local certificate authority this way. */
import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';

/** The native handle behind a SecureContext, not part of the typings. */
interface NativeContext {
  context: { addCACert(pem: string): void };
}

/** TLS contexts without an explicit `ca` trust `certificate` (PEM) beside the public roots; the others are left alone. */
export function trustCertificate(certificate: string): void {
  const original = tls.createSecureContext;
  tls.createSecureContext = (options) => {
    const context = original(options);
    if (options?.ca === undefined) (context as unknown as NativeContext).context.addCACert(certificate);
    return context;
  };
  syncBuiltinESMExports();
}
