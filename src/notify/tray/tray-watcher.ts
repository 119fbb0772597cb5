// What the panels of a desktop tell about the icons of programs (StatusNotifierItem, freedesktop.org; under KDE's names, which all panels
// took over). Whether there is a place for icons is asked here and nowhere else: the icon and `keepsake doctor` cannot disagree.

import { EventEmitter } from 'node:events';
import { hasOwner, type SessionBus } from '../../platform/session-bus.ts';

const watcher = { destination: 'org.kde.StatusNotifierWatcher', path: '/StatusNotifierWatcher' } as const;
const watcherName = watcher.destination;
const busName = 'org.freedesktop.DBus';
export const answerMsMax = 5000;
/** A tray has a dozen icons. */
const itemsMax = 100;

/** Word that something about trays or their icons may have changed. What is so is asked, not taken from that. */
export type TrayHints = EventEmitter<{ hint: [] }>;

/** Until the bus ends. @throws AgentError SESSION_BUS_FAILED */
export async function listenForHints(bus: SessionBus): Promise<TrayHints> {
  const hints: TrayHints = new EventEmitter();
  const onHint = () => void hints.emit('hint');
  const ofBus = { sender: busName, interface: busName };
  await bus.onSignal({ ...ofBus, member: 'NameOwnerChanged', firstValue: watcherName }, onHint);
  for (const member of [
    'StatusNotifierItemRegistered',
    'StatusNotifierHostRegistered',
    'StatusNotifierHostUnregistered',
  ])
    await bus.onSignal({ path: watcher.path, interface: watcherName, member }, onHint);
  return hints;
}

/**
 * Whether there is a panel that shows icons. A watcher alone only keeps a list of them: KDE's goes on without a panel.
 * @throws AgentError SESSION_BUS_FAILED if the bus does not answer.
 */
export async function hasTray(bus: SessionBus): Promise<boolean> {
  if (!(await hasOwner(bus, watcherName))) return false;
  // One that does not say is no reason to show nothing.
  return (await readWatcher(bus, 'IsStatusNotifierHostRegistered').catch(() => undefined)) !== false;
}

/** Whether the tray lists an icon of this process. @throws AgentError SESSION_BUS_FAILED */
export async function isRegistered(bus: SessionBus, pid: number): Promise<boolean> {
  const items = await readWatcher(bus, 'RegisteredStatusNotifierItems');
  if (!Array.isArray(items)) return false;
  for (const item of items.slice(0, itemsMax)) {
    const ask = { destination: busName, path: '/org/freedesktop/DBus', interface: busName, signature: 's' };
    const [owned] = await bus
      .call({ ...ask, member: 'GetConnectionUnixProcessID', body: [ownerOf(String(item))] }, { timeoutMs: answerMsMax })
      .catch(() => []); // it has gone in the meantime
    if (owned === pid) return true;
  }
  return false;
}

/** Each tray has its own way: ":1.5/a/path", ":1.5@/a/path" (GNOME's extension), or only a name on the bus. */
function ownerOf(item: string): string {
  return /^[:\w.-]+/.exec(item)?.[0] ?? '';
}

async function readWatcher(bus: SessionBus, property: string): Promise<unknown> {
  const get = { ...watcher, interface: 'org.freedesktop.DBus.Properties', member: 'Get', signature: 'ss' };
  const [value] = await bus.call({ ...get, body: [watcherName, property] }, { timeoutMs: answerMsMax });
  return value;
}
