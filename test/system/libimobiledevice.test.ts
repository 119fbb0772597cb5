// The fake iPhone proves nothing unless clients that nobody here wrote take it for a real one: libimobiledevice's tools, and ifuse.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makePhoneScene, type PhoneScene } from '../support/iphone/phone-scene.ts';
import { walk } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';

const tools = ['idevice_id', 'ideviceinfo', 'idevicepair'] as const;

interface Said {
  readonly exitCode: number;
  readonly text: string;
}

/** Runs a program that finds the fake phone; never throws for what it says. */
async function say(scene: PhoneScene, program: string, ...args: readonly string[]): Promise<Said> {
  const env = { ...process.env, ...scene.environment, HOME: scene.path, XDG_CONFIG_HOME: scene.path };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...args], { env, timeout: patience.timeout });
    return { exitCode: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { exitCode: code ?? -1, text: stdout + stderr };
  }
}

test('idevice_id and ideviceinfo find the phone and who it is', async (context) => {
  needPrograms(context, ...tools);
  await using scene = await makePhoneScene({ name: "Oma's iPhone" });
  const { udid } = scene.phone;
  expect(await say(scene, 'idevice_id', '-l')).toEqual({ exitCode: 0, text: expect.stringContaining(udid) });
  const simple = await say(scene, 'ideviceinfo', '-s', '-u', udid);
  expect(simple.exitCode, simple.text).toBe(0);
  expect(simple.text).toContain("DeviceName: Oma's iPhone");
  expect(simple.text).toContain(`UniqueDeviceID: ${udid}`);
});

test('idevicepair sees each answer of the owner, pairs, and is known from then on', async (context) => {
  needPrograms(context, ...tools);
  await using scene = await makePhoneScene();
  const { phone } = scene;
  const pair = () => say(scene, 'idevicepair', '-u', phone.udid, 'pair');
  phone.answersTrust = undefined;
  phone.isLocked = true;
  expect((await pair()).text).toMatch(/passcode|locked/i);
  phone.isLocked = false;
  expect((await pair()).text).toMatch(/trust/i);
  phone.tapDontTrust();
  expect((await pair()).text).toMatch(/denied/i);
  phone.tapTrust();
  const paired = await pair();
  expect(paired, paired.text).toMatchObject({ exitCode: 0 });
  expect((await say(scene, 'idevicepair', '-u', phone.udid, 'validate')).text).toContain('SUCCESS');
  const info = await say(scene, 'ideviceinfo', '-u', phone.udid, '-k', 'ProductType');
  expect(info.text.trim()).toBe('iPhone15,2');
  phone.forgetComputers();
  expect((await say(scene, 'idevicepair', '-u', phone.udid, 'validate')).exitCode).not.toBe(0);
});

test.for(['1.2', '1.3'] as const)(
  'ifuse mounts it with TLS %s and copies what is on it, byte for byte',
  async (tls, context) => {
    needLinux(context, 'ifuse mounts through FUSE');
    needRoot(context);
    needPrograms(context, ...tools, 'ifuse', 'fusermount3');
    await using scene = await makePhoneScene({ tls });
    const { phone } = scene;
    const real = join(scene.path, 'real/100APPLE');
    mkdirSync(real, { recursive: true });
    writeFileSync(join(real, 'empty.txt'), '');
    writeFileSync(join(real, 'small ä.txt'), 'a few bytes');
    phone.files.addFolder('DCIM', join(scene.path, 'real'));
    for (let index = 0; index < 40; index += 1) {
      phone.files.addSynthetic(`DCIM/101APPLE/IMG_${1000 + index}.JPG`, 100_000 + index, new Date(1.6e12));
    }
    phone.files.addSynthetic('DCIM/101APPLE/IMG_9999.MOV', 30_000_001, new Date(1.6e12));
    expect((await say(scene, 'idevicepair', '-u', phone.udid, 'pair')).exitCode).toBe(0);
    const [mountPoint, copy] = [join(scene.path, 'mount'), join(scene.path, 'copy')];
    mkdirSync(mountPoint);
    const mounted = await say(scene, 'ifuse', '-u', phone.udid, mountPoint);
    expect(mounted.exitCode, mounted.text).toBe(0);
    try {
      const copied = await say(scene, 'cp', '-a', join(mountPoint, 'DCIM'), copy);
      expect(copied.exitCode, copied.text).toBe(0);
    } finally {
      for (
        let tries = 0;
        (await say(scene, 'fusermount3', '-u', mountPoint)).exitCode !== 0 && tries < 20;
        tries += 1
      ) {
        await sleep(100);
      }
    }
    const files = await walk(copy);
    expect(files).toHaveLength(43);
    const { createHash } = await import('node:crypto');
    for (const { path, sha256 } of files) {
      const file = phone.files.file(Buffer.from(`DCIM/${path}`).toString('latin1'));
      const content = file?.read(0, file.sizeBytes) ?? Buffer.alloc(0);
      expect(createHash('sha256').update(content).digest('hex'), path).toBe(sha256);
    }
  },
);
