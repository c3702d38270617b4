/** The fewest people whose approvals complete a plan: one for each place, because everybody counts once over the whole plan. */
import { isSamePerson } from '../access/identity.ts';
import type { Decision } from './decision.ts';
import type { EligiblePerson } from './eligible.ts';

/** One approval of the plan. */
export interface Place {
  /** Places of one round are filled together, before those of the next. */
  round: number;
  /** Who has not decided and could fill it. */
  people: readonly EligiblePerson[];
  /** The decision that fills it now; absent: it is empty. */
  counted?: Decision;
  /** May a decision that fills another place fill this one instead? */
  fits(decision: Decision): boolean;
}

interface Seat {
  place: number;
  /** Absent for who has decided. */
  person?: EligiblePerson;
}

type Asked = Required<Seat>;

/** Who would be asked, the likeliest first: nobody who is away, and somebody's place is taken by another only where it must be. */
const PREFERENCES: readonly ((person: EligiblePerson) => boolean)[] = [
  ({ away, onBehalfOf }) => !away && onBehalfOf === undefined,
  ({ away }) => !away,
  ({ onBehalfOf }) => onBehalfOf === undefined,
];

/** In the order in which they decide: by round, and who decides by the own authority first. Undefined when the places cannot all be filled. */
export function smallestSet(places: readonly Place[]): EligiblePerson[] | undefined {
  for (const prefers of PREFERENCES) {
    const seats = match(places, prefers);
    if (!seats || !areApart(seats)) continue;
    return seats.sort((left, right) => inOrder(places, left, right)).map(({ person }) => person);
  }
  return undefined;
}

/**
 * A matching of places to people; undefined when some place stays empty. A greedy choice would spend the only member of one team on another's place,
 * and who has decided may be moved to where nobody else is.
 */
function match(places: readonly Place[], prefers: (person: EligiblePerson) => boolean): Asked[] | undefined {
  const decided = places.flatMap(({ counted }) => counted ?? []);
  const taken = new Map<string, Seat>(places.flatMap(({ counted }, place) => (counted ? [[counted.actor.key, { place }] as const] : [])));
  const seat = (index: number, tried: Set<string>): boolean => {
    const place = places[index]!;
    const candidates = [
      ...decided.filter((decision) => place.fits(decision)).map(({ actor }): [string, Seat] => [actor.key, { place: index }]),
      ...place.people.filter(prefers).map((person): [string, Seat] => [person.key, { place: index, person }]),
    ];
    return candidates.some(([key, next]) => {
      if (tried.has(key)) return false;
      tried.add(key);
      const held = taken.get(key);
      if (held && !seat(held.place, tried)) return false;
      taken.set(key, next);
      return true;
    });
  };
  const isFull = places.every(({ counted }, index) => counted !== undefined || seat(index, new Set()));
  return isFull ? [...taken.values()].filter((each): each is Asked => each.person !== undefined) : undefined;
}

/** Nobody twice: not by another account, and not both in person and by who stands in. */
function areApart(seats: readonly Asked[]): boolean {
  return seats.every(({ person }, index) =>
    seats.slice(index + 1).every(({ person: other }) => {
      const isTwice = person.onBehalfOf !== undefined && person.onBehalfOf === other.onBehalfOf;
      return !isTwice && !isSamePerson(person, other) && person.onBehalfOf !== other.email && other.onBehalfOf !== person.email;
    }),
  );
}

function inOrder(places: readonly Place[], left: Asked, right: Asked): number {
  const lent = ({ person }: Asked) => Number(person.onBehalfOf !== undefined);
  return places[left.place]!.round - places[right.place]!.round || lent(left) - lent(right) || left.place - right.place;
}
