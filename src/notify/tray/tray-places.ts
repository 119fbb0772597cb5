// The menu as the program takes it: every place there is, each with a number that stays. Pure.

import type { OwnerWish } from '../../domain/owner-wish.ts';
import { type ProgramItem, separatorTitle } from './tray-program.ts';
import { deviceLinesMax, ejectLinesMax, newDevicesMax, type TrayLine, type TrayView } from './tray-view.ts';

export interface Place extends ProgramItem {
  /** What a click asks for. A line without one can arrive as a click all the same: it does nothing. */
  readonly wish?: OwnerWish;
  readonly items?: readonly Place[];
}

const choicesMax = 3;
const pausesMax = 2;
/** Nobody reads a line and clicks it faster. */
const misclickMs = 500;

/** Always the same places in the same order, with the same numbers. */
export function placesOf(view: TrayView, platform: NodeJS.Platform = process.platform): readonly Place[] {
  let next = 1;
  const place = (line: TrayLine | undefined, items?: readonly Place[]): Place => ({
    __id: next++,
    title: line === undefined ? '' : labelOf(line.text, platform),
    enabled: true, // also what only says something: grey text is hard to read, and a click on it does nothing
    hidden: line === undefined,
    ...(line?.wish === undefined ? {} : { wish: line.wish }),
    ...(items === undefined ? {} : { items }),
  });
  const several = (lines: readonly TrayLine[], max: number) => Array.from({ length: max }, (_, at) => place(lines[at]));
  const pauses = view.pauses.filter(({ wish }) => wish?.kind === 'pause');
  const separator = (): Place => ({ __id: next++, title: separatorTitle, enabled: false, hidden: false });
  return [
    place({ text: view.headline }),
    place(view.saveNow),
    separator(),
    ...Array.from({ length: newDevicesMax }, (_, at) => {
      const device = view.newDevices[at];
      const items = several(device?.choices ?? [], choicesMax);
      return place(device === undefined ? undefined : { text: device.text }, items);
    }),
    ...several(view.devices, deviceLinesMax),
    ...several(view.ejects, ejectLinesMax),
    separator(),
    ...several(pauses, pausesMax),
    place(view.pauses.find((line) => !pauses.includes(line))), // or a double click would take back the pause it began
    place(view.openFolder),
    separator(),
    place(view.stop),
  ];
}

/** GTK takes "_" for the mark of a key, and "__" for itself; Windows does so with "&" (read: AppendMenu, not tried). */
function labelOf(text: string, platform: NodeJS.Platform): string {
  if (platform === 'win32') return text.replaceAll('&', '&&');
  return platform === 'linux' ? text.replaceAll('_', '__') : text;
}

/** Submenus included. */
export function flatten(places: readonly Place[]): readonly Place[] {
  return places.flatMap((each) => [each, ...flatten(each.items ?? [])]);
}

export function wishOf(places: readonly Place[], id: number): OwnerWish | undefined {
  return flatten(places).find(({ __id, hidden }) => __id === id && !hidden)?.wish;
}

/**
 * Since when each place means what it means. When a drive leaves, the next one moves up to its place: who clicks just then meant the one
 * that was there, and must neither eject nor decide about another.
 */
export class Meanings {
  readonly #byId = new Map<number, { readonly wish: string; readonly sinceMs: number }>();

  /** @param nowMs of a clock that does not jump. */
  note(places: readonly Place[], nowMs: number): void {
    for (const { __id, wish } of flatten(places)) {
      if (wish === undefined) continue; // a click does nothing meanwhile
      const [before, meaning] = [this.#byId.get(__id), JSON.stringify(wish)];
      if (before?.wish === meaning) continue;
      this.#byId.set(__id, { wish: meaning, sinceMs: before === undefined ? Number.NEGATIVE_INFINITY : nowMs });
    }
  }

  isSettled(id: number, nowMs: number): boolean {
    return nowMs - (this.#byId.get(id)?.sinceMs ?? Number.NEGATIVE_INFINITY) >= misclickMs;
  }
}

/** What has to be said so that the menu is as it should be. */
export function changesOf(before: readonly Place[], after: readonly Place[]): readonly ProgramItem[] {
  const known = new Map(flatten(before).map((place) => [place.__id, withoutItems(place)]));
  return flatten(after)
    .filter(({ title }) => title !== separatorTitle)
    .map(withoutItems)
    .filter((place) => !isSame(known.get(place.__id), place));
}

function withoutItems({ __id, title, enabled, hidden }: Place): ProgramItem {
  return { __id, title, enabled, hidden };
}

function isSame(one: ProgramItem | undefined, other: ProgramItem): boolean {
  return one?.title === other.title && one.enabled === other.enabled && one.hidden === other.hidden;
}
