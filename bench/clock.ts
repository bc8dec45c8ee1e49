/** Tenths of a millisecond until the clock begins anew: 59 hours. */
const ROUND = 2 ** 31;

const tenths = () => Math.round((performance.timeOrigin + performance.now()) * 10) % ROUND;

/** The time in six characters, so that a token that carries it is hardly longer than the words models send. */
export const clock = (): string => tenths().toString(36);

/** Milliseconds since another process of this machine read its clock. */
export function millisecondsSince(text: string): number {
  const past = (tenths() - Number.parseInt(text, 36) + ROUND) % ROUND;
  return (past > ROUND / 2 ? past - ROUND : past) / 10;
}
