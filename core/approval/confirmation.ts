/** What an approver types to show that a person read the page: environment and the last six characters of the digest. */
export function confirmationOf(environment: string, digest: string): string {
  return `${environment} ${digest.slice(-6)}`;
}
