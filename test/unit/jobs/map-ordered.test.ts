// Results out of order would file a video before its still; work that goes on behind one's back would write after the end.
import { expect, test } from 'vitest';
import { mapOrdered } from '../../../src/jobs/map-ordered.ts';

/** Work that ends when the test says so. */
class Controlled {
  readonly begun: number[] = [];
  readonly ended: number[] = [];
  readonly #ends = new Map<number, { resolve: (value: string) => void; reject: (error: Error) => void }>();

  readonly work = (item: number): Promise<string> => {
    this.begun.push(item);
    return new Promise((resolve, reject) => this.#ends.set(item, { resolve, reject }));
  };

  end(item: number): void {
    this.ended.push(item);
    this.#ends.get(item)?.resolve(`result ${item}`);
  }

  fail(item: number): void {
    this.ended.push(item);
    this.#ends.get(item)?.reject(new Error(`failed ${item}`));
  }
}

async function collect<Result>(results: AsyncIterable<Result>): Promise<readonly Result[]> {
  const all: Result[] = [];
  for await (const result of results) all.push(result);
  return all;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

test('Results come in the order of the items, whatever ends first', async () => {
  const items = Array.from({ length: 100 }, (_, index) => index);
  const work = async (item: number) => {
    for (let turn = 0; turn < (item * 7) % 13; turn += 1) await Promise.resolve();
    return item * 2;
  };
  const results: number[] = [];
  for await (const result of mapOrdered(items, { atOnce: 6 }, work)) results.push(result);
  expect(results).toEqual(items.map((item) => item * 2));
});

test('No more than so many are under way, and work goes on while results wait to be taken, up to so many', async () => {
  const controlled = new Controlled();
  const results = mapOrdered(
    [0, 1, 2, 3, 4, 5, 6, 7],
    { atOnce: 2, waiting: { max: 3, weigh: () => 1 } },
    controlled.work,
  );
  const first = results.next();
  await settle();
  expect(controlled.begun).toEqual([0, 1]);
  controlled.end(1);
  await settle();
  controlled.end(2);
  await settle();
  expect(controlled.begun).toEqual([0, 1, 2, 3]);
  controlled.end(3);
  await settle();
  expect(controlled.begun, 'three wait for the first').toEqual([0, 1, 2, 3]);
  controlled.end(0);
  expect((await first).value).toBe('result 0');
  await settle();
  expect(controlled.begun, 'three wait, none is under way').toEqual([0, 1, 2, 3]);
  expect((await results.next()).value).toBe('result 1');
  expect(controlled.begun).toEqual([0, 1, 2, 3, 4, 5]);
  const left = results.return(undefined);
  controlled.end(4);
  controlled.end(5);
  await left;
  expect(controlled.begun).toEqual([0, 1, 2, 3, 4, 5]);
});

test('Heavy items leave less room beside them; one that is too heavy for all of it is done alone', async () => {
  const controlled = new Controlled();
  const weights = [1, 1, 3, 9, 1, 1];
  const results = mapOrdered([0, 1, 2, 3, 4, 5], { atOnce: 4, weigh: (item) => weights[item] ?? 0 }, controlled.work);
  const all = collect(results);
  await settle();
  expect(controlled.begun).toEqual([0, 1]);
  controlled.end(0);
  await settle();
  expect(controlled.begun).toEqual([0, 1, 2]);
  controlled.end(1);
  await settle();
  expect(controlled.begun).toEqual([0, 1, 2]);
  controlled.end(2);
  await settle();
  expect(controlled.begun).toEqual([0, 1, 2, 3]);
  controlled.end(3);
  await settle();
  expect(controlled.begun).toEqual([0, 1, 2, 3, 4, 5]);
  controlled.end(5);
  controlled.end(4);
  expect(await all).toEqual([0, 1, 2, 3, 4, 5].map((item) => `result ${item}`));
});

test('What waits is weighed: one result that is too heavy holds up the next item, and not for ever', async () => {
  const controlled = new Controlled();
  const weigh = (item: number) => (item === 1 ? 100 : 1);
  const results = mapOrdered([0, 1, 2, 3], { atOnce: 2, waiting: { max: 10, weigh } }, controlled.work);
  const first = results.next();
  controlled.end(1);
  await settle();
  expect(controlled.begun).toEqual([0, 1]);
  controlled.end(0);
  expect((await first).value).toBe('result 0');
  expect(controlled.begun).toEqual([0, 1]);
  expect((await results.next()).value).toBe('result 1');
  expect(controlled.begun).toEqual([0, 1, 2, 3]);
  controlled.end(2);
  controlled.end(3);
  expect((await results.next()).value).toBe('result 2');
  expect((await results.next()).value).toBe('result 3');
  expect((await results.next()).done).toBe(true);
});

test('When one fails no other begins, and those under way are waited for', async () => {
  const controlled = new Controlled();
  const results = mapOrdered([0, 1, 2, 3], { atOnce: 3 }, controlled.work);
  let outcome = 'pending';
  const first = results.next().then(
    () => (outcome = 'result'),
    (error: Error) => (outcome = error.message),
  );
  controlled.fail(0);
  await settle();
  expect([outcome, controlled.begun]).toEqual(['pending', [0, 1, 2]]);
  controlled.fail(2);
  controlled.end(1);
  await first;
  expect([outcome, controlled.begun]).toEqual(['failed 0', [0, 1, 2]]);
});

test('A failure further on is thrown at its turn, after the results before it, and nothing more is begun', async () => {
  const controlled = new Controlled();
  const results = mapOrdered([0, 1, 2], { atOnce: 2 }, controlled.work);
  const first = results.next();
  controlled.fail(1);
  await settle();
  controlled.end(0);
  expect(controlled.begun).toEqual([0, 1]);
  expect((await first).value).toBe('result 0');
  await expect(results.next()).rejects.toThrow('failed 1');
});

test('Who stops listening waits for what is under way, and the items are closed', async () => {
  let closed = false;
  function* items() {
    try {
      for (let item = 0; ; item += 1) yield item;
    } finally {
      closed = true;
    }
  }
  let running = 0;
  const work = async () => {
    running += 1;
    await settle();
    running -= 1;
  };
  for await (const _ of mapOrdered(items(), { atOnce: 4 }, work)) break;
  expect([running, closed]).toEqual([0, true]);
});

test('No items, no results; an item that cannot be had is an error', async () => {
  for await (const _ of mapOrdered([], { atOnce: 3 }, async () => 1)) throw new Error('there is a result');
  function* broken() {
    yield 1;
    throw new Error('no next');
  }
  const all = async () => {
    for await (const _ of mapOrdered(broken(), { atOnce: 2 }, async (item) => item));
  };
  await expect(all()).rejects.toThrow('no next');
});
