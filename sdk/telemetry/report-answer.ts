/**
 * A report's answer: what a status of the collector means for the windows that were sent.
 */
/** The last three are reasons of a loss. */
type ReportAnswer = 'stored' | 'retry' | 'silent' | 'skewed' | 'too-large' | 'refused';

/** What an answer to a body means. Of several windows, a refusal says only that one of them is refused. */
export function reportAnswerOf(status: number): ReportAnswer {
  if (status === 0) return 'silent';
  if (status >= 200 && status < 300) return 'stored';
  if (status === 408 || status === 429 || status >= 500) return 'retry';
  if (status === 410) return 'skewed';
  return status === 413 ? 'too-large' : 'refused';
}
