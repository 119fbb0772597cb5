// How far an import is, folded from what happens, without holding on to any of it.

import type { ImportProgress } from '../domain/progress.ts';
import type { Survey } from './survey.ts';

/** Folds what happens into a progress line, without holding on to any of it. */
export class Progress {
  readonly #show: (progress: ImportProgress) => void;
  readonly #filesTotal: number;
  readonly #bytesTotal: number;
  readonly #photosTotal: number;
  #files = 0;
  #bytes = 0;
  #name = '';

  constructor(show: (progress: ImportProgress) => void, survey: Pick<Survey, 'spool'>) {
    this.#show = show;
    this.#filesTotal = survey.spool.count;
    this.#bytesTotal = survey.spool.bytes;
    this.#photosTotal = survey.spool.groupCount();
  }

  begin(name: string): void {
    this.#name = name;
    this.#update();
  }

  readonly addBytes = (bytes: number): void => {
    this.#bytes += bytes;
    this.#update();
  };

  /** Counts what was copied; that it is filed too follows within a batch. */
  filesDone(count: number): void {
    this.#files += count;
    this.#update();
  }

  #update(): void {
    this.#show({
      phase: 'saving',
      files: this.#files,
      filesTotal: this.#filesTotal,
      photosTotal: this.#photosTotal,
      bytes: this.#bytes,
      bytesTotal: this.#bytesTotal,
      name: this.#name,
    });
  }
}
