interface Spoken {
  role: string;
}

/** Least and most of a conversation that stays as it is, in percent. */
const [LEAST, MOST] = [10, 50];

/**
 * Where the part of a conversation begins that is not summarised: at a question, so that what stays can be understood; null when
 * there is nothing before it (chat pipeline note, 8.1).
 */
export function boundaryOf(messages: readonly Spoken[], retentionPercentage: number): number | null {
  const share = Math.min(MOST, Math.max(LEAST, retentionPercentage)) / 100;
  const target = messages.length - Math.max(2, Math.floor(messages.length * share));
  const questions = messages.flatMap(({ role }, at) => (role === 'user' && at > 0 ? [at] : []));
  return questions.findLast((at) => at <= target) ?? questions[0] ?? null;
}
