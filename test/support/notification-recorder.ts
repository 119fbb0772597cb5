// A desktop that shows notices to nobody and remembers them: the service of the Desktop Notifications Specification.

import dbus from 'dbus-native';
import type { Desktop } from './private-desktop.ts';

export interface RecordedNotice {
  readonly id: number;
  readonly replaces: number;
  readonly app: string;
  readonly title: string;
  readonly body: string;
  readonly actions: readonly string[];
  readonly hints: Readonly<Record<string, unknown>>;
  readonly expiresMs: number;
}

export interface NotificationRecorder extends AsyncDisposable {
  /** All that were asked for, in order. */
  readonly asked: readonly RecordedNotice[];
  /** Those that are open now. */
  readonly open: ReadonlyMap<number, RecordedNotice>;
  press(id: number, action: string): void;
  /** As its owner does. */
  close(id: number): void;
  /** As if it had never been closed. */
  reopen(id: number): void;
  /** Answers nobody, as a process that is stopped, until it comes to. */
  hang(): void;
  comeTo(): void;
}

const service = 'org.freedesktop.Notifications';
const path = '/org/freedesktop/Notifications';

/** Reasons (Desktop Notifications Specification, "NotificationClosed"). */
const closedByOwner = 2;
const closedByCall = 3;
const allowReplacement = 1; // flags of RequestName (D-Bus specification)
const replaceExisting = 2;

/** @param firstId to tell one run of it from the next. */
export async function startRecorder(
  desktop: Desktop,
  {
    capabilities = ['actions', 'body', 'body-markup'],
    firstId = 1,
    isHung = false,
    mayBeReplaced = false,
    replaces: replacesOther = false,
  } = {},
): Promise<NotificationRecorder> {
  const bus = dbus.sessionBus({ busAddress: desktop.environment['DBUS_SESSION_BUS_ADDRESS'] ?? '', plainValues: true });
  bus.connection.on('error', () => undefined); // a bus that a test ends
  const asked: RecordedNotice[] = [];
  const open = new Map<number, RecordedNotice>();
  let nextId = firstId;
  let awake = Promise.withResolvers<void>();
  if (!isHung) awake.resolve();
  /** One after the other, in the order they were asked for. */
  const inTurn = (act: () => unknown) => awake.promise.then(act);
  const close = (id: number, reason: number) => {
    if (open.delete(id)) bus.sendSignal(path, service, 'NotificationClosed', 'uu', [id, reason]);
  };
  const notifications = {
    GetCapabilities: () => inTurn(() => capabilities),
    GetServerInformation: () => ['recorder', 'test', '1', '1.2'],
    Notify: (...values: readonly unknown[]) => {
      const [app, replaces, , title, body, actions, hints, expiresMs] = values as [
        string,
        number,
        string,
        string,
        string,
        string[],
        Record<string, unknown>,
        number,
      ];
      return inTurn(() => {
        const id = replaces === 0 ? nextId++ : replaces;
        const notice = { id, replaces, app, title, body, actions, hints, expiresMs };
        asked.push(notice);
        open.set(id, notice);
        return id;
      });
    },
    CloseNotification: (id: number) =>
      inTurn(() => {
        close(id, closedByCall);
        return null;
      }),
  };
  bus.exportInterface(notifications, path, {
    name: service,
    methods: {
      GetCapabilities: ['', 'as', [], ['capabilities']],
      GetServerInformation: ['', 'ssss', [], ['name', 'vendor', 'version', 'specification']],
      Notify: [
        'susssasa{sv}i',
        'u',
        ['app', 'replaces', 'icon', 'title', 'body', 'actions', 'hints', 'expires'],
        ['id'],
      ],
      CloseNotification: ['u', '', ['id'], []],
    },
  });
  await bus.requestName(service, (mayBeReplaced ? allowReplacement : 0) | (replacesOther ? replaceExisting : 0));
  return {
    asked,
    open,
    close: (id) => close(id, closedByOwner),
    reopen: (id) => {
      const before = asked.findLast((each) => each.id === id);
      if (before !== undefined) open.set(id, before);
    },
    hang: () => {
      awake = Promise.withResolvers<void>();
    },
    comeTo: () => awake.resolve(),
    press: (id, action) => bus.sendSignal(path, service, 'ActionInvoked', 'us', [id, action]),
    [Symbol.asyncDispose]: async () => {
      bus.connection.end();
    },
  };
}
