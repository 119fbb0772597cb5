// A path that is read back as another one, or as two, starts nothing at the next login, and nobody is told.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'plist';
import { expect, test } from 'vitest';
import type { Program } from '../../../../src/agent/install/program.ts';
import {
  launchLabels,
  readMark,
  renderAutostart,
  renderDropIn,
  renderPlist,
  renderUnit,
  unitNames,
} from '../../../../src/agent/install/render.ts';
import { projectRoot, temporaryFolder } from '../../../support/keepsake.ts';
import { needPrograms } from '../../../support/requirements.ts';

const odd = `/home/Grand "Ma's"/50% & <more> $HOME \${PATH} \`id\` \\x20 \\\\ é😀`;

function programAt(path: string): Program {
  return {
    ...{ folder: projectRoot, version: '1.2.3' },
    command: [`${path}/node`, '--flag=1', `${path}/keepsake.js`],
    environment: { UV_THREADPOOL_SIZE: '12', KEEPSAKE_HOME: path },
  };
}

/** The words of a unit file's value, as systemd.syntax(7) and systemd.service(5) say they are read, specifiers included. */
function readUnitWords(value: string): readonly string[] {
  return [...value.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '').replaceAll('%%', '%'),
  );
}

/** As the Desktop Entry Specification has it: first the escapes of every value, then the quotes of `Exec`. */
function readDesktopWords(value: string): readonly string[] {
  const text = value.replaceAll('\\\\', '\\');
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll(/\\(["`$\\])/g, '$1') ?? plain ?? '').replaceAll('%%', '%'),
  );
}

/** The values of a key. Only a line feed ends a line there: a regular expression's `$` would also stop at U+2028. */
function linesOf(text: string, key: string): readonly string[] {
  return text.split('\n').flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
}

function lineOf(text: string, key: string): string {
  return linesOf(text, key)[0] ?? '';
}

/** Any path there can be: no NUL, and no control characters, which are refused before. */
const paths = fc
  .string({ unit: 'grapheme', minLength: 1 })
  .map((text) => `/${text.replaceAll(/[\p{Cc}\ufffd]/gu, '')}`);

test('Whatever signs are in a path, units and desktop entries carry it as it is', () => {
  fc.assert(
    fc.property(fc.oneof(paths, fc.constant(odd), fc.constant('/\u2028 ')), (path) => {
      const program = programAt(path);
      const unit = renderUnit('keepsake.service', { program });
      const [first, ...words] = readUnitWords(lineOf(unit, 'ExecStart'));
      // The colon turns off what `$` would mean.
      const command = first === ':/usr/bin/nice' ? words.slice(2) : [first?.slice(1), ...words];
      expect(command).toEqual([...program.command, 'agent']);
      expect(linesOf(unit, 'Environment').flatMap(readUnitWords)).toEqual([
        'UV_THREADPOOL_SIZE=12',
        `KEEPSAKE_HOME=${path}`,
      ]);
      const entry = renderAutostart({ program });
      expect(readDesktopWords(lineOf(entry, 'Exec'))).toEqual([
        ...['/usr/bin/env', 'UV_THREADPOOL_SIZE=12', `KEEPSAKE_HOME=${path}`],
        ...[...program.command, 'agent'],
      ]);
    }),
  );
});

test('A property list is what launchd is to do, whatever signs are in a path, and plistutil reads it the same', (context) => {
  needPrograms(context, 'plistutil');
  using folder = temporaryFolder();
  const program = programAt(odd);
  const logs = `${odd}/logs`;
  const [agent, check] = launchLabels.map((label) => {
    const text = renderPlist(label, { program, carried: { XDG_DATA_HOME: odd }, logs });
    const [xml, binary] = [join(folder.path, `${label}.plist`), join(folder.path, `${label}.bin`)];
    writeFileSync(xml, text);
    execFileSync('plistutil', ['-i', xml, '-f', 'bin', '-o', binary]);
    const read = parse(text);
    expect(parse(readFileSync(binary))).toEqual(read);
    return read;
  });
  const common = {
    EnvironmentVariables: { UV_THREADPOOL_SIZE: '12', KEEPSAKE_HOME: odd, XDG_DATA_HOME: odd },
    ...{ WorkingDirectory: '/', RunAtLoad: true, LimitLoadToSessionType: 'Aqua' },
    ...{ ProcessType: 'Background', LowPriorityIO: true, Nice: 10 },
  };
  expect(agent).toEqual({
    ...common,
    Label: 'org.keepsake.agent',
    ProgramArguments: [...program.command, 'agent'],
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: 60,
    ExitTimeOut: 20,
    HardResourceLimits: { Core: 0 },
    StandardOutPath: `${logs}/agent-output.log`,
    StandardErrorPath: `${logs}/agent-output.log`,
  });
  expect(check).toEqual({
    ...common,
    Label: 'org.keepsake.check',
    ProgramArguments: [...program.command, 'check'],
    StartCalendarInterval: { Hour: 11, Minute: 0 },
    StandardOutPath: `${logs}/check-output.log`,
    StandardErrorPath: `${logs}/check-output.log`,
  });
});

test('No template is left with something to fill in', () => {
  const program = programAt('/opt/keepsake');
  const texts = [
    ...unitNames.map((name) => renderUnit(name, { program })),
    ...launchLabels.map((label) => renderPlist(label, { program, logs: '/logs' })),
  ];
  for (const text of texts) expect(text).not.toMatch(/@\w+@/);
});

test('Older systemd is not given what it does not know: pauses that grow', () => {
  const program = programAt('/opt/keepsake');
  const keysOf = (systemdVersion?: number) =>
    renderUnit('keepsake.service', { program, ...(systemdVersion === undefined ? {} : { systemdVersion }) }).match(
      /^Restart\w*/gm,
    );
  expect(keysOf(252)).toEqual(['Restart', 'RestartSec']);
  expect(keysOf(254)).toEqual(['Restart', 'RestartSec', 'RestartSteps', 'RestartMaxDelaySec']);
  expect(keysOf()).toEqual(keysOf(257));
});

test('What we wrote is recognised, also what was changed in it since', () => {
  const program = programAt(odd);
  const texts = [
    ...unitNames.map((name) => renderUnit(name, { program })),
    ...launchLabels.map((label) => renderPlist(label, { program, logs: '/logs' })),
    renderAutostart({ program }),
    renderDropIn(program, { KEEPSAKE_HOME: odd }),
  ];
  for (const text of texts) {
    expect(readMark(text)).toBe('whole');
    expect(readMark(`${text}\n# and more\n`)).toBe('edited');
    expect(readMark(text.replace('Keepsake', 'Keepsafe'))).toBe('edited');
    expect(readMark(text.replace(/keepsake-sha256:\w+/, ''))).toBe('none');
  }
});

test('A newer Keepsake writes another file, so that installing it starts the newer one', () => {
  const program = programAt('/opt/keepsake');
  const newer = { ...program, version: '1.2.4' };
  expect(renderUnit('keepsake.service', { program: newer })).not.toBe(renderUnit('keepsake.service', { program }));
  expect(renderAutostart({ program: newer })).not.toBe(renderAutostart({ program }));
});
