// A reason to abort work: its owner wants it to end. No failure of anybody's, and what was done by then stays.

export class OwnerStop extends Error {
  /** What the owner can do, in their words. */
  readonly remedy: string;

  /** @param message what happened, in the owner's words. */
  constructor(message: string, { remedy }: { readonly remedy: string }) {
    super(message);
    this.name = 'OwnerStop';
    this.remedy = remedy;
  }
}
