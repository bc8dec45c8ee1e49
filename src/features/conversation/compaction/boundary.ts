interface Spoken {
  role: string;
  tool_calls?: unknown;
}

/** Least and most of a conversation that stays as it is, in percent. */
const [LEAST, MOST] = [10, 50];

function targetOf(messages: readonly Spoken[], retentionPercentage: number): number {
  const share = Math.min(MOST, Math.max(LEAST, retentionPercentage)) / 100;
  return messages.length - Math.max(2, Math.floor(messages.length * share));
}

/** The same between the rounds of one reply: at a message that calls tools, but not the first; null when none is early enough. */
export function roundBoundaryOf(messages: readonly Spoken[], retentionPercentage: number): number | null {
  const target = targetOf(messages, retentionPercentage);
  const rounds = messages.flatMap(({ role, tool_calls: calls }, at) =>
    role === 'assistant' && Array.isArray(calls) && calls.length > 0 ? [at] : [],
  );
  return rounds.slice(1).findLast((at) => at <= target) ?? null;
}

/**
 * Where the part of a conversation begins that is not summarised: at a question, so that what stays can be understood; null when
 * there is nothing before it (chat pipeline note, 8.1).
 */
export function boundaryOf(messages: readonly Spoken[], retentionPercentage: number): number | null {
  const target = targetOf(messages, retentionPercentage);
  const questions = messages.flatMap(({ role }, at) => (role === 'user' && at > 0 ? [at] : []));
  return questions.findLast((at) => at <= target) ?? questions[0] ?? null;
}
