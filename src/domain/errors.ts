// One error type for what can be expected to go wrong. Match on `code`, never on text.
// Every code is explained in docs/errors.md; a test compares the two.

/** When trying again makes sense. */
export type Retry =
  | 'never'
  | 'later'
  | 'when-source-returns'
  | 'when-phone-ready'
  | 'when-volume-returns'
  | 'after-owner-acts';

/** Stable names. A code, once released, keeps its meaning. */
export const errorRetry = {
  // Usage and configuration
  CONFIG_UNREADABLE: 'after-owner-acts',
  CONFIG_INVALID: 'after-owner-acts',
  USAGE: 'after-owner-acts',
  AGENT_RUNNING: 'never',
  AGENT_UNREACHABLE: 'later',
  DEVICE_UNKNOWN: 'after-owner-acts',
  // Starting at login
  SERVICE_UNSUPPORTED: 'never',
  SERVICE_WRONG_USER: 'after-owner-acts',
  SERVICE_PATH_UNSUITABLE: 'after-owner-acts',
  SERVICE_FILE_FAILED: 'after-owner-acts',
  SERVICE_REFUSED: 'later',
  SERVICE_UNREACHABLE: 'later',
  SERVICE_START_FAILED: 'later',
  ACCESS_BLOCKED: 'after-owner-acts',
  FOLDER_NOT_SHOWN: 'after-owner-acts',
  // The desktop
  SESSION_BUS_FAILED: 'later',
  NOTICE_UNDELIVERED: 'later',
  HELPER_UNREACHABLE: 'later',
  REPORT_NOT_WRITTEN: 'after-owner-acts',
  // The library and its volume
  LIBRARY_MISSING: 'when-volume-returns',
  LIBRARY_GONE: 'when-volume-returns',
  LIBRARY_READ_ONLY: 'after-owner-acts',
  LIBRARY_FULL: 'after-owner-acts',
  LIBRARY_TOO_SMALL: 'after-owner-acts',
  LIBRARY_WRITE_FAILED: 'later',
  LIBRARY_UNSUITABLE: 'after-owner-acts',
  LIBRARY_IN_CLOUD_FOLDER: 'after-owner-acts',
  LIBRARY_ON_CARD: 'after-owner-acts',
  LIBRARY_OVERLAPS_SOURCE: 'after-owner-acts',
  LIBRARY_TOO_NEW: 'after-owner-acts',
  LIBRARY_DAMAGED: 'after-owner-acts',
  LIBRARY_BUSY: 'later',
  FILE_TOO_LARGE: 'after-owner-acts',
  NAME_UNSUITABLE: 'after-owner-acts',
  ADOPT_OUTSIDE_LIBRARY: 'after-owner-acts',
  // The catalogue
  CATALOG_TOO_NEW: 'after-owner-acts',
  CATALOG_DAMAGED: 'after-owner-acts',
  CATALOG_MISSING: 'after-owner-acts',
  STATE_DAMAGED: 'after-owner-acts',
  STATE_WRITE_FAILED: 'after-owner-acts',
  // A drive with a copy
  DRIVE_MISSING: 'when-volume-returns',
  DRIVE_GONE: 'when-volume-returns',
  DRIVE_FULL: 'after-owner-acts',
  DRIVE_READ_ONLY: 'after-owner-acts',
  DRIVE_WRITE_FAILED: 'later',
  DRIVE_READ_FAILED: 'later',
  DRIVE_DAMAGED: 'after-owner-acts',
  DRIVE_TOO_NEW: 'after-owner-acts',
  DRIVE_UNSUITABLE: 'after-owner-acts',
  DRIVE_UNKNOWN: 'after-owner-acts',
  DRIVE_IMPOSTOR: 'after-owner-acts',
  DRIVE_AMBIGUOUS: 'after-owner-acts',
  DRIVE_BUSY: 'later',
  DRIVE_EJECT_FAILED: 'later',
  COPY_BRAKED: 'after-owner-acts',
  FILE_CORRUPT: 'after-owner-acts',
  FILE_IN_THE_WAY: 'after-owner-acts',
  RESTORE_UNSUITABLE: 'after-owner-acts',
  RESTORE_FULL: 'after-owner-acts',
  RESTORE_FAILED: 'later',
  // The source
  SOURCE_MISSING: 'when-source-returns',
  SOURCE_GONE: 'when-source-returns',
  SOURCE_READ_FAILED: 'later',
  SOURCE_ENTRY_VANISHED: 'later',
  SOURCE_ENTRY_CHANGING: 'later',
  SOURCE_ENTRY_NOT_DOWNLOADED: 'after-owner-acts',
  SOURCE_TOO_LARGE: 'never',
  // An iPhone
  USBMUXD_MISSING: 'after-owner-acts',
  PHONE_LOCKED: 'when-phone-ready',
  PHONE_TRUST_PENDING: 'when-phone-ready',
  PHONE_TRUST_DENIED: 'when-phone-ready',
  PHONE_NOT_PAIRED: 'when-phone-ready',
  PHONE_NEEDS_CABLE: 'after-owner-acts',
  PHONE_MANAGED: 'when-phone-ready',
  PHONE_IMPOSTOR: 'when-phone-ready',
  PHONE_BUSY: 'later',
  PHONE_STALLED: 'later',
  PHONE_PROTOCOL: 'later',
  PHOTOS_LIST_UNREADABLE: 'later',
  INTERRUPTED: 'later',
} as const satisfies Record<string, Retry>;

export type ErrorCode = keyof typeof errorRetry;

export interface AgentErrorDetails {
  /** What the owner can do, in their words. */
  readonly remedy: string;
  readonly cause?: unknown;
}

/** `message` says what happened to which file; `remedy` what the owner can do about it. */
export class AgentError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly retry: Retry;

  constructor(code: ErrorCode, message: string, details: AgentErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AgentError';
    this.code = code;
    this.remedy = details.remedy;
    this.retry = errorRetry[code];
  }
}

/** True if `error` is an AgentError, with one of `codes` if any are given. */
export function isAgentError(error: unknown, ...codes: readonly ErrorCode[]): error is AgentError {
  return error instanceof AgentError && (codes.length === 0 || codes.includes(error.code));
}

/** True if nothing more can be had from the source, whatever file is asked for next. */
export function endsSource(error: unknown): boolean {
  return isAgentError(error) && (error.code === 'SOURCE_GONE' || error.code.startsWith('PHONE_'));
}

/** The `errno` name of a Node.js system error (`ENOENT`), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
