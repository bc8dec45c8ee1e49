/** Seconds since 1970, whole. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

/** Nanoseconds since 1970, exact to the microsecond. */
export function nowNanoseconds(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1_000)) * 1_000n;
}
