// What the owner reads about the photos of a phone beyond those that were saved: what is only in iCloud and the way out, what others
// shared, what is private, deleted or gone. Pure: computed from what an import counted, worded here for every screen.

import type { Need } from '../domain/status.ts';
import type { PhotosAccount } from '../library/catalog/catalog-store.ts';

/** Beside the originals a phone needs room to work; iOS begins to remove things when there is less (our guess, on the safe side). */
const phoneReserveBytes = 2e9;
/** What is free with an account: Apple's and Google's own pages, 2026. */
const freeGigabytes = { iCloud: 5, google: 15 } as const;

export interface PhotosWords {
  /** What is not safe, or is asked. */
  readonly needsYou: readonly Need[];
  /** What is good to know and needs nothing. */
  readonly notes: readonly Need[];
}

export function describePhotos(of: {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly account: PhotosAccount;
}): PhotosWords {
  const { id, name, account } = of;
  const isPhone = of.kind === 'iphone';
  const needsYou: Need[] = [];
  const notes: Need[] = [];
  const { onDevice, iCloudOnly, unknown, offloaded } = account;
  const total = onDevice + offloaded + iCloudOnly + unknown;
  const saved = account.saved + offloaded;
  if (iCloudOnly > 0) {
    needsYou.push({
      code: 'ICLOUD_ONLY',
      message: `"${name}": ${number(saved)} of ${photos(total)} ${saved === 1 ? 'is' : 'are'} saved. ${number(iCloudOnly)} ${iCloudOnly === 1 ? 'is' : 'are'} only in iCloud.`,
      remedy: wayOut(account, isPhone),
    });
  }
  if (unknown > 0) {
    needsYou.push({
      code: 'PHOTOS_UNKNOWN',
      message: `"${name}": ${photos(unknown)} could not be found on it, so ${unknown === 1 ? 'it is' : 'they are'} not saved.`,
      remedy: isPhone
        ? 'Unlock the iPhone, open Photos on it and let it finish loading, then save again.'
        : 'Open Photos on the Mac and let it finish loading, then save again.',
    });
  }
  if (account.list === 'unreadable') {
    needsYou.push({
      code: 'PHOTOS_LIST_UNREADABLE',
      message: `"${name}": its own list of photos could not be read. Whether some are only in iCloud, were deleted lately, or are hidden, cannot be told.`,
      remedy: 'The photos that are on it are saved without the list. Unlock it, leave it connected, and save again.',
    });
  }
  if (account.sharedNotSaved > 0) {
    const are = account.sharedNotSaved === 1 ? 'is' : 'are';
    const message =
      account.sharedChoice === 'save'
        ? `${photos(account.sharedNotSaved)} others shared with you ${are} not on "${name}" and cannot be saved from it.`
        : `${photos(account.sharedNotSaved)} others shared with you ${are} not in your photo folder.`;
    const yes = `keepsake enroll ${id} --shared save`;
    if (!isPhone || account.sharedChoice === 'save') notes.push({ code: 'SHARED_NOT_SAVED', message, remedy: '' });
    else if (account.sharedChoice === 'leave')
      notes.push({ code: 'SHARED_NOT_SAVED', message, remedy: `You chose that. To keep them: ${yes}` });
    else {
      needsYou.push({
        code: 'SHARED_NOT_SAVED',
        message: `${message} Keep them too? (smaller copies)`,
        remedy: `To keep them: ${yes}. To leave them: keepsake enroll ${id} --shared leave.`,
      });
    }
  }
  if (account.recentlyDeleted > 0) {
    const { recentlyDeleted, recentlyDeletedDaysLeft: daysLeft } = account;
    const when =
      daysLeft === undefined ? 'soon' : daysLeft === 0 ? 'today' : `in ${daysLeft} ${daysLeft === 1 ? 'day' : 'days'}`;
    notes.push({
      code: 'RECENTLY_DELETED',
      message: `"${name}": ${photos(recentlyDeleted)} ${recentlyDeleted === 1 ? 'was' : 'were'} deleted on it lately and ${recentlyDeleted === 1 ? 'is' : 'are'} not saved. It forgets the first ${when}.`,
      remedy: isPhone ? `To keep these: keepsake backup ${id} --keep-recently-deleted` : '',
    });
  }
  if (account.recentlyDeletedElsewhere > 0) {
    const { recentlyDeletedElsewhere: away } = account;
    notes.push({
      code: 'RECENTLY_DELETED_ELSEWHERE',
      message: `"${name}": ${photos(away)} deleted lately ${away === 1 ? 'is' : 'are'} only in iCloud and cannot be saved from it.`,
      remedy: 'To have them saved, recover them in Photos first.',
    });
  }
  if (account.privateNotSaved > 0) {
    notes.push({
      code: 'PRIVATE_NOT_SAVED',
      message: `"${name}": ${number(account.privateNotSaved)} private, not saved, as you chose.`,
      remedy: isPhone ? `To save them: keepsake enroll ${id} --hidden save` : '',
    });
  }
  if (account.keptAfterDeletion > 0) {
    const { keptAfterDeletion } = account;
    notes.push({
      code: 'KEPT_AFTER_DELETION',
      message: `${photos(keptAfterDeletion)} that ${keptAfterDeletion === 1 ? 'is' : 'are'} no longer on "${name}" ${keptAfterDeletion === 1 ? 'is' : 'are'} kept in your photo folder.`,
      remedy: '',
    });
  }
  if (account.list === 'absent' && isPhone) {
    notes.push({
      code: 'PHOTOS_LIST_ABSENT',
      message: `"${name}" has no list of its photos. Photos that were deleted lately, or are hidden, cannot be told from others and are saved with them.`,
      remedy: '',
    });
  }
  if (account.usesICloudPhotos === true) notes.push(aboutICloud(name, account));
  return { needsYou, notes };
}

/** What most people do not know about iCloud, with their own numbers. */
function aboutICloud(name: string, { bytes }: PhotosAccount): Need {
  const size =
    bytes === 0
      ? ''
      : ` All of them need at least ${gigabytes(bytes)}; without paying, iCloud holds ${freeGigabytes.iCloud} GB and Google ${freeGigabytes.google} GB.`;
  return {
    code: 'ICLOUD_PHOTOS_ON',
    message: `"${name}" keeps its photos in iCloud Photos. The iCloud Backup of it then leaves them out, and a photo deleted on it is deleted in iCloud and on your other devices too.${size}`,
    remedy: '',
  };
}

/** How the originals come to where they can be saved from. Sizes are compared with what is free on the phone. */
export function wayOut(account: PhotosAccount, isPhone: boolean): string {
  const { iCloudOnlyBytes: missing, freeBytes: free } = account;
  if (!isPhone)
    return 'In Photos on the Mac, choose Settings, iCloud, "Download Originals to this Mac", wait for it to finish, then save again.';
  const onPhone =
    'On the iPhone, in Settings, open Photos (on newer ones under Apps), choose "Download and Keep Originals", leave it on Wi-Fi and its charger for a night, then save again.';
  const elsewhere =
    'With a Mac: in Photos on it, choose Settings, iCloud, "Download Originals to this Mac", then save from its Photos library. Without one: ask Apple for a copy of your photos at privacy.apple.com.';
  if (missing === 0) return onPhone;
  if (account.iCloudOnlyUnsized > 0)
    return `They need at least ${gigabytes(missing)}${free === undefined ? '' : `, and ${gigabytes(free)} are free on the iPhone`}. If they fit: ${onPhone} If not: ${elsewhere}`;
  if (free === undefined)
    return `They need ${gigabytes(missing)}. If the iPhone has that much free: ${onPhone} If not: ${elsewhere}`;
  return missing + phoneReserveBytes <= free
    ? `They need ${gigabytes(missing)}, and ${gigabytes(free)} are free on the iPhone. ${onPhone}`
    : `They need ${gigabytes(missing)}, and only ${gigabytes(free)} are free on the iPhone. ${elsewhere}`;
}

function photos(amount: number): string {
  return `${number(amount)} ${amount === 1 ? 'photo' : 'photos'}`;
}

function number(amount: number): string {
  return amount.toLocaleString('en');
}

/** Rounded as people say it, never to nothing. */
function gigabytes(bytes: number): string {
  const value = bytes / 1e9;
  return `${value >= 10 ? Math.round(value).toLocaleString('en') : Math.max(0.1, value).toFixed(1)} GB`;
}
