/**
 * How long a test waits for what must come. A net for what never comes, not a measure: far above what the slowest machine
 * was seen to need, and below the test's own limit, so that the wait says what was missing.
 */
export const patience = { timeout: 120_000, interval: 20 };
