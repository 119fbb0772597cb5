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
}

const service = 'org.freedesktop.Notifications';
const path = '/org/freedesktop/Notifications';

/** @param firstId to tell one run of it from the next. */
export async function startRecorder(
  desktop: Desktop,
  { capabilities = ['actions', 'body', 'body-markup'], firstId = 1 } = {},
): Promise<NotificationRecorder> {
  const bus = dbus.sessionBus({ busAddress: desktop.environment['DBUS_SESSION_BUS_ADDRESS'] ?? '', plainValues: true });
  bus.connection.on('error', () => undefined); // a bus that a test ends
  const asked: RecordedNotice[] = [];
  const open = new Map<number, RecordedNotice>();
  let nextId = firstId;
  const notifications = {
    GetCapabilities: () => capabilities,
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
      const id = replaces === 0 ? nextId++ : replaces;
      const notice = { id, replaces, app, title, body, actions, hints, expiresMs };
      asked.push(notice);
      open.set(id, notice);
      return id;
    },
    CloseNotification: (id: number) => {
      if (open.delete(id)) bus.sendSignal(path, service, 'NotificationClosed', 'uu', [id, 3]);
      return null;
    },
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
  await bus.requestName(service, 0);
  return {
    asked,
    open,
    press: (id, action) => bus.sendSignal(path, service, 'ActionInvoked', 'us', [id, action]),
    [Symbol.asyncDispose]: async () => {
      bus.connection.end();
    },
  };
}
