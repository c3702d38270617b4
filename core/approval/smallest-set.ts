/** The fewest people whose approvals complete a plan: one for each place, because everybody counts once over the whole plan. */
import { isSamePerson } from '../access/identity.ts';
import type { EligiblePerson } from './eligible.ts';

/** One approval that is still missing. */
export interface Place {
  /** Places of one round are filled together, before those of the next. */
  round: number;
  /** Who could fill it. */
  people: readonly EligiblePerson[];
}

interface Seat {
  place: number;
  round: number;
  person: EligiblePerson;
}

/** Who would be asked, the likeliest first: nobody who is away, and somebody's place is taken by another only where it must be. */
const PREFERENCES: readonly ((person: EligiblePerson) => boolean)[] = [
  ({ away, onBehalfOf }) => !away && onBehalfOf === undefined,
  ({ away }) => !away,
  ({ onBehalfOf }) => onBehalfOf === undefined,
];

/** In the order in which they decide: by round, and who decides by the own authority first. Undefined when the places cannot all be filled. */
export function smallestSet(places: readonly Place[]): EligiblePerson[] | undefined {
  for (const prefers of PREFERENCES) {
    const seats = match(places.map(({ round, people }) => ({ round, people: people.filter(prefers) })));
    if (seats && areApart(seats)) return seats.sort(inOrder).map(({ person }) => person);
  }
  return undefined;
}

/** A matching of places to people; undefined when some place stays empty. A greedy choice would spend the only member of one team on another's place. */
function match(places: readonly Place[]): Seat[] | undefined {
  const taken = new Map<string, Seat>();
  const seat = (place: number, tried: Set<string>): boolean => {
    const { round, people } = places[place]!;
    return people.some((person) => {
      if (tried.has(person.key)) return false;
      tried.add(person.key);
      const holder = taken.get(person.key);
      if (holder && !seat(holder.place, tried)) return false;
      taken.set(person.key, { place, round, person });
      return true;
    });
  };
  return places.every((_place, index) => seat(index, new Set())) ? [...taken.values()] : undefined;
}

/** Nobody twice: not by another account, and not both in person and by who stands in. */
function areApart(seats: readonly Seat[]): boolean {
  return seats.every(({ person }, index) =>
    seats.slice(index + 1).every(({ person: other }) => {
      const isTwice = person.onBehalfOf !== undefined && person.onBehalfOf === other.onBehalfOf;
      return !isTwice && !isSamePerson(person, other) && person.onBehalfOf !== other.email && other.onBehalfOf !== person.email;
    }),
  );
}

function inOrder(left: Seat, right: Seat): number {
  return (
    left.round - right.round ||
    Number(left.person.onBehalfOf !== undefined) - Number(right.person.onBehalfOf !== undefined) ||
    left.place - right.place
  );
}
