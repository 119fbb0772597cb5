// What the owner reads in notifications: what is so, what to do. Short, calm, no blame. Pure.

import type { News, NewsKind, Standing } from '../../domain/news.ts';
import type { Notice, NoticeButton } from '../../domain/notice.ts';
import type { Need } from '../../domain/status.ts';

type Of<Kind extends News['kind']> = Extract<News, { readonly kind: Kind }>;

const snoozeDays = 7;

export function announcement(key: string, { name, deviceKind, amount, leftMs }: Of<'progress'>): Notice {
  const what = deviceKind === 'drive' ? `Copying ${files(amount)} to it` : `Saving ${photos(amount)}`;
  return {
    ...{ key, title: name, buttons: [], weight: 'quiet' },
    body: `${what}, about ${minutes(leftMs)}. ${deviceKind === 'folder' ? '' : leaveIt[deviceKind]}`.trim(),
  };
}

const leaveIt: Readonly<Record<Exclude<NewsKind, 'folder'>, string>> = {
  iphone: 'Leave it plugged in.',
  card: 'Leave the card in.',
  drive: 'Leave it plugged in.',
};

export function answer(key: string, news: Of<'saved' | 'copied'>): Notice {
  const { name } = news;
  if (news.kind === 'copied') {
    const body = news.isComplete
      ? 'Done. All your photos are on it. Eject it before you unplug it.'
      : 'Not everything could be copied to it yet. It is tried again by itself.';
    return { key, title: name, body, buttons: news.isComplete ? [eject(news.id)] : [], weight: 'quiet' };
  }
  const { deviceKind, newPhotos, isComplete, onlyInICloud } = news;
  const done =
    newPhotos === 0
      ? 'Nothing new on it.'
      : `Done. ${newPhotos === 1 ? '1 new photo' : `${number(newPhotos)} new photos`}.`;
  const rest = isComplete ? '' : ' Not everything on it could be saved yet.';
  const body = `${done}${rest}${afterwards(deviceKind, news)}`;
  if (onlyInICloud === undefined) return { key, title: name, body, buttons: [], weight: 'quiet' };
  return { key, title: name, body: `${body} ${sentence(onlyInICloud)}`, buttons: [], weight: 'normal' };
}

function afterwards(deviceKind: NewsKind, { isComplete, isAllSafe }: Of<'saved'>): string {
  if (deviceKind === 'iphone') return ' You can unplug the phone.';
  if (deviceKind !== 'card') return '';
  if (!isComplete) return ' Do not erase the card.';
  // What was proven when it was copied. Before a card is erased, copies are read again: that is asked for by name.
  if (isAllSafe)
    return ' You can take the card out. Its photos are on two drives. To be sure before you erase it: keepsake safe-to-delete';
  return ' You can take the card out. Do not erase it yet: its photos are on one drive only.';
}

export function stopped(key: string, { name, why }: Of<'stopped'>): Notice {
  return { key, title: name, body: sentence(why), buttons: [], weight: 'normal' };
}

export function waits(key: string, { name, why }: Of<'waits'>): Notice {
  return { key, title: name, body: sentence(why), buttons: [], weight: 'normal' };
}

export function question(key: string, { id, name, newPhotos, isEstimate, deviceKind }: Of<'newDevice'>): Notice {
  const about = isEstimate === true ? 'about ' : '';
  const what =
    newPhotos === undefined || newPhotos === 0
      ? ''
      : ` There ${newPhotos === 1 ? 'is' : 'are'} ${about}${photos(newPhotos)} on it that you do not have here.`;
  const isClosed = deviceKind === 'iphone' && newPhotos === undefined;
  const when = deviceKind === 'iphone' ? 'whenever it is plugged in' : 'whenever it is put in';
  return {
    ...{ key, title: `${name} is here for the first time`, weight: 'lasting' },
    body: `Shall its photos be saved, now and ${when}?${what} Nothing is saved before you say so.`,
    buttons: [
      { label: 'Save its photos', wish: { kind: 'decide', device: id, decision: 'always' } },
      // A phone that has to be trusted first is let in for good, or not at all.
      ...(isClosed ? [] : [{ label: 'Only this once', wish: { kind: 'saveOnce', device: id } } as const]),
      { label: 'Never', wish: { kind: 'decide', device: id, decision: 'never' } },
    ],
  };
}

export function onlyInICloud(key: string, name: string, why: Need): Notice {
  return { key, title: name, body: sentence(why), buttons: [], weight: 'normal' };
}

export function standing({ key, sentence: need, name, phone, attachedDrive }: Standing): Notice {
  const buttons: NoticeButton[] = [];
  if (phone !== undefined)
    buttons.push({ label: 'Remind me in a week', wish: { kind: 'snooze', device: phone, days: snoozeDays } });
  if (attachedDrive !== undefined) buttons.push({ label: 'Copy now', wish: { kind: 'saveNow' } });
  return { key, title: name ?? 'Your photos', body: sentence(need), buttons, weight: 'normal' };
}

export function nothingConnected(): Notice {
  return {
    ...{ key: 'asked', title: 'Nothing to save from', buttons: [], weight: 'quiet' },
    body: 'No iPhone, card or drive that Keepsake knows is connected. Plug one in: it begins by itself.',
  };
}

export function ejected({ id, name, failure }: Of<'ejected'>): Notice {
  const body = failure === undefined ? 'You can unplug it now.' : sentence(failure);
  return { key: `visit:${id}`, title: name, body, buttons: [], weight: failure === undefined ? 'quiet' : 'normal' };
}

export function refused(why: Need): Notice {
  return { key: 'refused', title: 'That could not be done', body: sentence(why), buttons: [], weight: 'normal' };
}

export function noIcon(): Notice {
  return {
    ...{ key: 'noIcon', title: 'Keepsake runs without an icon', buttons: [], weight: 'normal' },
    body: 'This desktop shows no icon for it. Your photos are saved all the same. To see how things stand, type in a terminal: keepsake status',
  };
}

function eject(drive: string): NoticeButton {
  return { label: 'Eject', wish: { kind: 'ejectDrive', drive } };
}

function sentence({ message, remedy }: Need): string {
  return `${message} ${remedy}`.trim();
}

function minutes(durationMs: number): string {
  const amount = Math.max(1, Math.round(durationMs / 60_000));
  if (amount === 1) return '1 minute';
  if (amount < 90) return `${amount} minutes`;
  const hours = Math.round(amount / 60);
  return hours === 1 ? '1 hour' : `${hours} hours`;
}

function photos(amount: number): string {
  return amount === 1 ? '1 photo' : `${number(amount)} photos`;
}

function files(amount: number): string {
  return amount === 1 ? '1 file' : `${number(amount)} files`;
}

function number(amount: number): string {
  return amount.toLocaleString('en');
}
