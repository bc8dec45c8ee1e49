const two = (value: number): string => String(value).padStart(2, '0');

/** The day of a time in seconds, as `YYYY-MM-DD` in the server's zone. */
export function localDay(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The day `days` after one given as `YYYY-MM-DD`. */
export function addDay(day: string, days = 1): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}
