// What the owner reads about photos that are not simply saved. A sentence that claims too much, or leaves a number out, is how people
// learn of a loss after it.
import { expect, test } from 'vitest';
import { describePhotos, wayOut } from '../../../src/agent/photos-words.ts';
import type { PhotosAccount } from '../../../src/library/catalog/catalog-store.ts';

const account: PhotosAccount = {
  ...{ list: 'read', onDevice: 3100, saved: 3100, offloaded: 0, iCloudOnly: 0, unknown: 0 },
  ...{ iCloudOnlyBytes: 0, iCloudOnlyUnsized: 0, bytes: 0, recentlyDeleted: 0, recentlyDeletedElsewhere: 0 },
  ...{ privateNotSaved: 0, sharedNotSaved: 0, sharedChoice: 'ask', keptAfterDeletion: 0 },
};
const describe = (facts: Partial<PhotosAccount>, kind = 'iphone') =>
  describePhotos({ id: 'iphone-1', name: "Mum's iPhone", kind, account: { ...account, ...facts } });

test('All is well: nothing is said', () => {
  expect(describe({})).toEqual({ needsYou: [], notes: [] });
});

test.for<[string, Partial<PhotosAccount>, string]>([
  [
    'ICLOUD_ONLY',
    { iCloudOnly: 15_230 },
    '"Mum\'s iPhone": 3,100 of 18,330 photos are saved. 15,230 are only in iCloud.',
  ],
  [
    'ICLOUD_ONLY',
    { iCloudOnly: 1, onDevice: 1, saved: 1 },
    '"Mum\'s iPhone": 1 of 2 photos is saved. 1 is only in iCloud.',
  ],
  [
    'ICLOUD_ONLY',
    { iCloudOnly: 10, offloaded: 90 },
    '"Mum\'s iPhone": 3,190 of 3,200 photos are saved. 10 are only in iCloud.',
  ],
  ['PHOTOS_UNKNOWN', { unknown: 2 }, '"Mum\'s iPhone": 2 photos could not be found on it, so they are not saved.'],
  [
    'PHOTOS_LIST_UNREADABLE',
    { list: 'unreadable' },
    '"Mum\'s iPhone": its own list of photos could not be read. Whether some are only in iCloud, were deleted lately, or are hidden, cannot be told.',
  ],
  [
    'SHARED_NOT_SAVED',
    { sharedNotSaved: 312 },
    '312 photos others shared with you are not in your photo folder. Keep them too? (smaller copies)',
  ],
])('%s: what is not safe, or is asked, with a next step', ([code, facts, message]) => {
  const { needsYou } = describe(facts);
  expect(needsYou).toMatchObject([{ code, message, remedy: expect.stringMatching(/\w{3}/) }]);
});

test.for<[string, Partial<PhotosAccount>, string]>([
  [
    'SHARED_NOT_SAVED',
    { sharedNotSaved: 1, sharedChoice: 'leave' },
    '1 photo others shared with you is not in your photo folder.',
  ],
  [
    'SHARED_NOT_SAVED',
    { sharedNotSaved: 2, sharedChoice: 'save' },
    '2 photos others shared with you are not on "Mum\'s iPhone" and cannot be saved from it.',
  ],
  [
    'RECENTLY_DELETED',
    { recentlyDeleted: 5, recentlyDeletedDaysLeft: 3 },
    '"Mum\'s iPhone": 5 photos were deleted on it lately and are not saved. It forgets the first in 3 days.',
  ],
  [
    'RECENTLY_DELETED',
    { recentlyDeleted: 1, recentlyDeletedDaysLeft: 0 },
    '"Mum\'s iPhone": 1 photo was deleted on it lately and is not saved. It forgets the first today.',
  ],
  [
    'RECENTLY_DELETED_ELSEWHERE',
    { recentlyDeletedElsewhere: 2 },
    '"Mum\'s iPhone": 2 photos deleted lately are only in iCloud and cannot be saved from it.',
  ],
  ['PRIVATE_NOT_SAVED', { privateNotSaved: 42 }, '"Mum\'s iPhone": 42 private, not saved, as you chose.'],
  [
    'KEPT_AFTER_DELETION',
    { keptAfterDeletion: 37 },
    '37 photos that are no longer on "Mum\'s iPhone" are kept in your photo folder.',
  ],
  [
    'PHOTOS_LIST_ABSENT',
    { list: 'absent' },
    '"Mum\'s iPhone" has no list of its photos. Photos that were deleted lately, or are hidden, cannot be told from others and are saved with them.',
  ],
  [
    'ICLOUD_PHOTOS_ON',
    { usesICloudPhotos: true, bytes: 92.4e9 },
    '"Mum\'s iPhone" keeps its photos in iCloud Photos. The iCloud Backup of it then leaves them out, and a photo deleted on it is deleted in iCloud and on your other devices too. All of them need at least 92 GB; without paying, iCloud holds 5 GB and Google 15 GB.',
  ],
])('%s: good to know, and needs nothing', ([code, facts, message]) => {
  expect(describe(facts)).toMatchObject({ needsYou: [], notes: [{ code, message }] });
});

const away = { ...account, iCloudOnly: 10, iCloudOnlyBytes: 42e9 };

test('The way out fits the phone, and is not concluded from what is not known', () => {
  const keep = /^They need 42 GB, and 60 GB are free on the iPhone\. On the iPhone, .*"Download and Keep Originals"/;
  expect(wayOut({ ...away, freeBytes: 60e9 }, true)).toMatch(keep);
  const other = wayOut({ ...away, freeBytes: 43e9 }, true);
  expect(other).toMatch(/^They need 42 GB, and only 43 GB are free on the iPhone\. With a Mac: .*privacy\.apple\.com/);
  expect(other, 'a phone that is full to the brim does not work').not.toContain('Keep Originals');
  const unsure = wayOut({ ...away, freeBytes: 60e9, iCloudOnlyUnsized: 3 }, true);
  expect(unsure).toMatch(/^They need at least 42 GB, and 60 GB are free on the iPhone\. If they fit: .* If not: /);
  expect(wayOut(away, true)).toMatch(/^They need 42 GB\. If the iPhone has that much free: .* If not: /);
  expect(wayOut({ ...away, iCloudOnlyBytes: 0 }, true)).toContain('Download and Keep Originals');
  expect(wayOut(away, false)).toMatch(/^In Photos on the Mac, .*"Download Originals to this Mac"/);
});

test('No word of ours gets in', () => {
  const all = [
    { iCloudOnly: 3 },
    { unknown: 1 },
    { list: 'unreadable' as const },
    { sharedNotSaved: 1 },
    { recentlyDeleted: 1 },
  ];
  const said = all
    .flatMap((facts) => Object.values(describe(facts)).flat())
    .map(({ message, remedy }) => `${message} ${remedy}`);
  const ours =
    /\b(asset|resource|volume|mirror|ingest|manifest|catalogue|quarantine|offsite|pairing|sidecar|usbmuxd|UDID|database)\b/i;
  for (const sentence of said) expect(sentence).not.toMatch(ours);
});
