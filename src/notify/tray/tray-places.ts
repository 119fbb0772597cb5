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
    ...several(view.pauses, pausesMax),
    place(view.openFolder),
    separator(),
    place(view.stop),
  ];
}

/** GTK takes "_" for the mark of a key, and "__" for itself. */
function labelOf(text: string, platform: NodeJS.Platform): string {
  return platform === 'linux' ? text.replaceAll('_', '__') : text;
}

/** Submenus included. */
export function flatten(places: readonly Place[]): readonly Place[] {
  return places.flatMap((each) => [each, ...flatten(each.items ?? [])]);
}

export function wishOf(places: readonly Place[], id: number): OwnerWish | undefined {
  return flatten(places).find(({ __id, hidden }) => __id === id && !hidden)?.wish;
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
