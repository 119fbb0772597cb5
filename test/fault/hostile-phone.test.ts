// A phone is a stranger's computer: what it says may be cut off, endless, wrong or a lie. Whatever it says, nothing crashes, hangs,
// leaves the library, or counts as saved that is not; and what is whole is saved.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { header, u64 } from '../support/iphone/fake-afc.ts';
import type { FakeIphone } from '../support/iphone/fake-iphone.ts';
import { makeImpostor } from '../support/iphone/impostor.ts';
import { makePhoneScene, type PhoneScene, phoneTruth } from '../support/iphone/phone-scene.ts';
import { type Answer, type ImportJson, keepsake, walk } from '../support/keepsake.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { expectAllSaved, expectOnlyWhole, makeScene, type Scene } from './scene.ts';

const op = { status: 0x01, data: 0x02, readFolder: 0x03, fileInfo: 0x0a, open: 0x0d, read: 0x0f };

interface Saved {
  readonly answer: Answer;
  readonly report: ImportJson | undefined;
  readonly code: string | undefined;
}

/** Enrolls the phone once, and saves from it. */
async function save(scene: Scene, at: PhoneScene): Promise<Saved> {
  const home = { home: scene.home, environment: at.environment };
  const [device] = await devicesOf(scene.home, at.environment);
  if (device?.decision === 'ask') await keepsake(['enroll', device.id], home);
  const answer = await keepsake(['backup', '--json'], home);
  const json = JSON.parse(answer.stdout) as { imports?: ImportJson[]; error?: { code: string } };
  const report = json.imports?.[0];
  return { answer, report, code: json.error?.code ?? report?.stopped?.code };
}

function makeSaving(): Scene {
  const scene = makeScene();
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  return scene;
}

function fill(phone: FakeIphone, count = 12, sizeBytes = 300_000): void {
  for (let index = 0; index < count; index += 1) {
    const takenAt = new Date(1.6e12 + index * 1e8);
    phone.files.addSynthetic(`DCIM/100APPLE/IMG_${1000 + index}.JPG`, sizeBytes + index, takenAt);
  }
}

const endless = (number: bigint) => Buffer.concat([header(number, op.data, 0, 2 ** 40), Buffer.alloc(1000, 'x')]);

const wholePhoneFails: readonly (readonly [string, string, (phone: FakeIphone) => void])[] = [
  [
    'a reply that is cut off',
    'SOURCE_GONE',
    (phone) => phone.faults.add({ kind: 'hangUp' }, { operation: op.read, after: 5 }),
  ],
  [
    'a reply that does not begin as one',
    'PHONE_PROTOCOL',
    (phone) => phone.faults.add({ kind: 'raw', reply: () => Buffer.alloc(64, 'A') }, { operation: op.read, after: 5 }),
  ],
  [
    'a reply without end',
    'PHONE_PROTOCOL',
    (phone) => phone.faults.add({ kind: 'raw', reply: endless }, { operation: op.read, after: 5 }),
  ],
  [
    'a reply to a question nobody asked',
    'PHONE_PROTOCOL',
    (phone) =>
      phone.faults.add(
        { kind: 'raw', reply: () => Buffer.concat([header(999_999n, op.status, 8, 0), u64(0n)]) },
        { operation: op.fileInfo, after: 3 },
      ),
  ],
  [
    'a reply whose lengths disagree',
    'PHONE_PROTOCOL',
    (phone) => {
      const reply = (number: bigint) => {
        const bytes = header(number, op.data, 0, 100);
        bytes.writeBigUInt64LE(2000n, 16);
        return bytes;
      };
      phone.faults.add({ kind: 'raw', reply }, { operation: op.fileInfo, after: 3 });
    },
  ],
  [
    'a list without end',
    'PHONE_PROTOCOL',
    (phone) => phone.faults.add({ kind: 'raw', reply: endless }, { operation: op.readFolder, after: 1 }),
  ],
  [
    'yes, where bytes were asked for',
    'PHONE_PROTOCOL',
    (phone) =>
      phone.faults.add(
        { kind: 'raw', reply: (number) => Buffer.concat([header(number, op.status, 8, 0), u64(0n)]) },
        { operation: op.read, after: 4 },
      ),
  ],
  [
    'an open file without a number',
    'PHONE_PROTOCOL',
    (phone) =>
      phone.faults.add(
        { kind: 'raw', reply: (number) => header(number, 0x0e, 0, 0) },
        { operation: op.open, after: 2 },
      ),
  ],
  [
    'an impossible size',
    'PHONE_PROTOCOL',
    (phone) => {
      const body = Buffer.from('st_size\0-5\0st_ifmt\0S_IFREG\0', 'latin1');
      const reply = (number: bigint) => Buffer.concat([header(number, op.data, 0, body.length), body]);
      phone.faults.add({ kind: 'raw', reply }, { operation: op.fileInfo, after: 6 });
    },
  ],
  [
    'being locked in the middle',
    'PHONE_LOCKED',
    (phone) => {
      const act = () => {
        phone.isDenying = true;
      };
      phone.faults.add({ kind: 'act', act }, { operation: op.open, after: 4 });
    },
  ],
  [
    'being unplugged in the middle',
    'SOURCE_GONE',
    (phone) => phone.faults.add({ kind: 'detach' }, { operation: op.read, after: 7 }),
  ],
];

test.for(wholePhoneFails)('%s ends in %s; what is whole is saved, and the rest next time', async ([, code, spoil]) => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  const { phone, daemon } = at;
  fill(phone);
  const truth = phoneTruth(phone);
  await save(scene, at); // enrolled and paired, so that what comes is about the photos
  fill(phone, 24);
  const all = phoneTruth(phone);
  spoil(phone);
  const spoiled = await save(scene, at);
  expect(spoiled.code, spoiled.answer.stdout).toBe(code);
  expect(spoiled.answer.exitCode).toBe(4);
  expect(spoiled.report).toMatchObject({ complete: false });
  const whole = await expectOnlyWhole(scene.library, all);
  expect(whole.length).toBeGreaterThanOrEqual(truth.length);
  phone.faults.clear();
  phone.isDenying = false;
  if (code === 'SOURCE_GONE' && phone.tunnels.size === 0) {
    phone.detach();
    daemon.attach(phone);
  }
  expect(await save(scene, at)).toMatchObject({ answer: { exitCode: 0 }, report: { complete: true } });
  await expectAllSaved(scene.library, all);
});

// Small files are read in another way: asked for as a whole, with their size and time right behind.
const sizes = [20_000, 400_000] as const;

test.for(sizes)(
  'Sizes that lie (%i bytes), shorter, longer or growing: such a file is not saved as if it were whole, the others are',
  async (sizeBytes) => {
    using scene = makeSaving();
    await using at = await makePhoneScene();
    const { phone } = at;
    fill(phone, 3, sizeBytes);
    const honest = phoneTruth(phone);
    const lying = ['DCIM/100APPLE/IMG_2001.JPG', 'DCIM/100APPLE/IMG_2002.JPG', 'DCIM/100APPLE/IMG_2003.JPG'];
    const [shorter, longer, growing] = lying.map((path) =>
      phone.files.addBytes(path, makeJpeg({ seed: path, paddingBytes: sizeBytes })),
    );
    if (shorter === undefined || longer === undefined || growing === undefined) throw new Error('three were added');
    shorter.sizeBytes -= 1000;
    longer.sizeBytes += 1000;
    const act = () => {
      growing.sizeBytes += 5;
    };
    phone.faults.add({ kind: 'act', act }, { operation: op.read, path: lying[2] ?? '' });
    const { report, answer } = await save(scene, at);
    expect(answer.exitCode).toBe(2);
    expect(report).toMatchObject({ imported: 3, deferred: 3, complete: false });
    await expectOnlyWhole(scene.library, honest);
  },
);

test.for(sizes)('Short reads are no end of a file of %i bytes', async (sizeBytes) => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  at.phone.readBytesMax = 7001;
  fill(at.phone, 4, sizeBytes);
  expect(await save(scene, at)).toMatchObject({ report: { imported: 4, complete: true } });
  await expectAllSaved(scene.library, phoneTruth(at.phone));
});

test('A small file that changes while it is saved is left for later, whatever its size; then it is saved as it has become', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  fill(at.phone, 3, 20_000);
  const path = 'DCIM/100APPLE/IMG_2000.JPG';
  const file = at.phone.files.addBytes(path, makeJpeg({ seed: path, paddingBytes: 10_000 }));
  const act = () => {
    file.modifiedAtNs += 1_000_000_000n;
  };
  at.phone.faults.add({ kind: 'act', act }, { operation: op.read, path });
  expect((await save(scene, at)).report).toMatchObject({ imported: 3, deferred: 1, complete: false });
  expect((await save(scene, at)).report).toMatchObject({ imported: 1, deferred: 0, complete: true });
  await expectAllSaved(scene.library, phoneTruth(at.phone));
});

test('A small file costs one question each to open it, to read it, to see it unchanged and to close it', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  fill(at.phone, 20, 20_000);
  await devicesOf(scene.home, at.environment);
  const before = new Map(at.phone.counters.byOperation);
  expect((await save(scene, at)).report).toMatchObject({ imported: 20 });
  const asked = (operation: number) =>
    (at.phone.counters.byOperation.get(operation) ?? 0) - (before.get(operation) ?? 0);
  expect([op.open, op.read].map(asked)).toEqual([20, 20]);
  expect(asked(op.fileInfo), 'once when it is listed, once when it was read; and of a few folders').toBeLessThan(50);
});

test('A phone that has few handles is waited for, and none of ours is left open', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  at.phone.handlesMax = 2;
  fill(at.phone, 30);
  expect(await save(scene, at)).toMatchObject({ report: { imported: 30, complete: true } });
  expect(at.phone.counters.openHandlesMax).toBe(2);
  expect(at.phone.counters.otherOperations, 'nothing but reading was asked for').toBe(0);
});

test('Names with dots, slashes, line breaks and what is no text stay within the library, each its own photo', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  const { files } = at.phone;
  const names = [
    '..\\..\\evil.JPG',
    'a\nb.JPG',
    'n\xe4\xff.JPG',
    '.hidden.JPG',
    'CON.JPG',
    'x\u0001y.JPG',
    `${'l'.repeat(251)}.JPG`,
  ];
  for (const name of names) {
    files.addBytes(`DCIM/100APPLE/${name}`, makeJpeg({ seed: name, dateTimeOriginal: '2024-07-14T10:11:12' }));
  }
  const listed = Buffer.from(['.', '..', '..', 'up/../../../evil.JPG', '', ...names, ''].join('\0'), 'latin1');
  const reply = (number: bigint) => Buffer.concat([header(number, op.data, 0, listed.length), listed]);
  at.phone.faults.add({ kind: 'raw', reply }, { operation: op.readFolder, path: 'DCIM/100APPLE', times: 9 });
  const { report } = await save(scene, at);
  expect(report, 'the name with slashes is no name of a file').toMatchObject({
    ...{ found: names.length + 1, imported: names.length, failed: 1 },
  });
  const saved = await walk(scene.library);
  expect(saved.every(({ path }) => path.startsWith('2024/2024-07-14/') && path.split('/').length === 3)).toBe(true);
  const wanted = phoneTruth(at.phone);
  expect(new Set(saved.map(({ sha256 }) => sha256))).toEqual(new Set(wanted.map(({ sha256 }) => sha256)));
});

test('Links, devices and folders without end are not followed', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  fill(at.phone, 2);
  const facts = { sizeBytes: 10, modifiedAtNs: 0n, read: () => Buffer.alloc(10) };
  at.phone.files.add('DCIM/100APPLE/link.JPG', { kind: 'link', linkTarget: '/private/etc/passwd', ...facts });
  at.phone.files.add('DCIM/100APPLE/pipe.JPG', { kind: 'other', ...facts });
  at.phone.files.makeFolder(`DCIM/${Array.from({ length: 80 }, () => 'deeper').join('/')}`);
  const { report } = await save(scene, at);
  expect(report).toMatchObject({ imported: 2, notMedia: 2, failed: 1 });
  expect(report?.failures).toMatchObject([{ code: 'SOURCE_TOO_LARGE' }]);
});

test('Somebody in between is refused before a byte of ours is sent', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  fill(at.phone, 2);
  await save(scene, at);
  at.phone.counters.operations = 0;
  at.phone.impostor = await makeImpostor();
  const { answer, code } = await save(scene, at);
  expect([answer.exitCode, code]).toEqual([3, 'PHONE_IMPOSTOR']);
  expect(at.phone.counters.operations).toBe(0);
});

const deep = `<plist>${'<array>'.repeat(100_000)}</plist>`;
const bomb =
  '<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><plist><dict><key>Type</key><string>&b;</string></dict></plist>';
const badMessages = {
  'nested without end': deep,
  'with entities of its own': bomb,
  'of another type': '<plist><array><string>x</string></array></plist>',
  'with values of other types': '<plist><dict><key>Type</key><array/><key>Value</key><dict/></dict></plist>',
  'that is no XML': 'nonsense',
  'that is cut off': '<plist><dict><key>Type</key>',
} as const;

test.for(Object.keys(badMessages) as (keyof typeof badMessages)[])(
  'A message %s of the phone is an answer that cannot be understood, and nothing else',
  async (kind) => {
    using scene = makeSaving();
    await using at = await makePhoneScene();
    fill(at.phone, 1);
    await save(scene, at);
    const body = Buffer.from(badMessages[kind]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    const id = (await devicesOf(scene.home, at.environment))[0]?.id ?? '';
    // Of a backup by id the look at the phones takes the first of them, and opening it the next.
    at.phone.lockdownAnswers.push(...Array.from({ length: 20 }, () => Buffer.concat([length, body])));
    const answer = await keepsake(['backup', id, '--json'], { home: scene.home, environment: at.environment });
    expect(JSON.parse(answer.stdout)).toMatchObject({ error: { code: 'PHONE_PROTOCOL' } });
    expect(answer.exitCode).toBe(3);
  },
);

test('A length without end of the phone or its daemon is refused, not waited for', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  fill(at.phone, 1);
  await save(scene, at);
  const home = { home: scene.home, environment: at.environment };
  const id = (await devicesOf(scene.home, at.environment))[0]?.id ?? '';
  at.phone.lockdownAnswers.push(...Array.from({ length: 4 }, () => Buffer.from('ffffffff00', 'hex')));
  expect(await keepsake(['backup', id], home)).toMatchObject({ exitCode: 3 });
  at.phone.lockdownAnswers.length = 0;
  at.daemon.rawAnswers.push(Buffer.from('ffffffff010000000800000000000000', 'hex'));
  expect(await keepsake(['backup', id], home)).toMatchObject({ exitCode: 3 });
  at.daemon.rawAnswers.length = 0;
  expect(await save(scene, at)).toMatchObject({ report: { known: 1, complete: true } });
});

test('What is in the log and in the state folder opens no phone', async () => {
  using scene = makeSaving();
  await using at = await makePhoneScene();
  fill(at.phone, 1);
  await save(scene, at);
  const record = at.daemon.pairRecords.get(at.phone.udid)?.toString('latin1') ?? '';
  const secret = /<key>HostPrivateKey<\/key>\s*<data>\s*([^<]{60})/.exec(record)?.[1]?.slice(0, 60) ?? '';
  expect(secret.length).toBeGreaterThan(50);
  const { readFileSync, readdirSync } = await import('node:fs');
  for (const entry of readdirSync(scene.home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = readFileSync(`${entry.parentPath}/${entry.name}`, 'latin1');
    expect(content.includes('PRIVATE KEY') || content.includes(secret), entry.name).toBe(false);
    expect(content.includes(at.phone.udid), `${entry.name} names the phone itself`).toBe(false);
  }
  expect(createHash('sha256').update(secret).digest('hex')).toHaveLength(64);
});
