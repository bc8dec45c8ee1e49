import { parseArgs } from 'node:util';

/** What `loggia <name>` does. */
export interface Command {
  /** Shown by `--help`; ends with a newline. */
  usage: string;
  /** Gives the exit code: 0 done, 1 failed. Throws UsageError for arguments it does not know. */
  run(args: string[]): Promise<number>;
}

/** Arguments that make no sense; exit code 2. */
export class UsageError extends Error {
  readonly exitCode = 2;
  constructor(message: string, usage: string) {
    super(`${message}\n\n${usage.trimEnd()}`);
    this.name = 'UsageError';
  }
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

/** `parseArgs`, with unknown and malformed arguments as UsageError. */
export function readArguments<const T extends Options>(args: string[], usage: string, options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message, usage);
  }
}

/** One readable text for a failure: messages along the causes; the stack only where the program itself is at fault. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const ownFault = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  if (ownFault && error.cause === undefined) return error.stack ?? error.message;
  const messages = [];
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    messages.push(one.message || (one as NodeJS.ErrnoException).code || one.name);
  }
  return [...new Set(messages)].join(': ');
}
