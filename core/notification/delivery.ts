/** One event on its way to one subscriber. */

export interface DeliveryAttempt {
  /** ISO time. */
  at: string;
  milliseconds: number;
  /** HTTP status of the answer; absent: there was none, and `error` says why. */
  status?: number;
  error?: string;
}

export interface Delivery {
  /** Sorts by time. */
  id: string;
  subscription: string;
  /** Canonical name of the event, or `ping`. */
  type: string;
  /** Id of the event, which is the `webhook-id` of every attempt. */
  eventId: string;
  /** What is sent: the CloudEvent as text, the same in every attempt. */
  body: string;
  createdAt: string;
  status: 'pending' | 'delivered' | 'failed';
  attempts: DeliveryAttempt[];
  /** Since it was last begun. */
  failures: number;
  nextAt?: string;
}

/** Id of the delivery of an event: the same for the same event, and in the order of time. */
export function deliveryId(createdAt: string, eventId: string): string {
  return `dl-${createdAt.replaceAll(/[-:.]/g, '')}-${eventId.replaceAll(/[^\w-]/g, '-').slice(0, 100)}`;
}
