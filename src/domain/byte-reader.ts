// How bytes reach the library: from a card, a folder, later a phone. The library never sees the Source itself.

/** What the source says about an entry at one moment. */
export interface EntryState {
  readonly sizeBytes: number;
  /** Modification time, nanoseconds since 1970 UTC; negative before. */
  readonly modifiedAtNs: bigint;
}

/** One open file of a source. Reads move forward from the offset it was opened at. */
export interface ByteReader extends AsyncDisposable {
  /**
   * Fills `into` from its start with as many bytes as are there, 0 only at the end of the file.
   * Once it has settled, however it ended, it no longer writes into `into`: the buffer is used for the next file.
   * @throws AgentError SOURCE_READ_FAILED (this file), SOURCE_GONE (the whole source), or the signal's reason.
   */
  read(into: Uint8Array, signal: AbortSignal): Promise<number>;
  /** The entry as it is now, asked of the open file: it tells whether someone is still writing it. */
  state(signal: AbortSignal): Promise<EntryState>;
}
