// One row of a result, of which nothing is known: a column may hold any type, whatever it was declared as.

export type Row = Readonly<Record<string, unknown>>;

export function numberOf(row: Row | undefined, column: string): number | undefined {
  const value = row?.[column];
  return typeof value === 'number' ? value : undefined;
}

export function textOf(row: Row | undefined, column: string): string | undefined {
  const value = row?.[column];
  return typeof value === 'string' ? value : undefined;
}

/** Hands out the rows that belong to one asset after another, of a result that is in the order of its column `asset`. */
export class RowsByAsset {
  readonly #rows: Iterator<Row>;
  readonly #perAssetMax: number;
  #next: IteratorResult<Row, unknown>;

  constructor(rows: Iterable<Row>, perAssetMax: number) {
    this.#rows = rows[Symbol.iterator]();
    this.#perAssetMax = perAssetMax;
    this.#next = this.#rows.next();
  }

  /** Asked for ascending numbers. What belongs to no asset that was asked for is passed over. */
  take(asset: number): readonly Row[] {
    const taken: Row[] = [];
    while (this.#next.done !== true) {
      const owner = numberOf(this.#next.value, 'asset') ?? Number.NEGATIVE_INFINITY;
      if (owner > asset) break;
      if (owner === asset && taken.length < this.#perAssetMax) taken.push(this.#next.value);
      this.#next = this.#rows.next();
    }
    return taken;
  }
}
