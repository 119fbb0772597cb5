// A panel of a test's own, as far as icons are concerned: the StatusNotifierWatcher that they register with, and who reads and clicks
// their menus (com.canonical.dbusmenu).

import dbus from 'dbus-native';
import { vi } from 'vitest';
import { openSessionBus, type SessionBus } from '../../src/platform/session-bus.ts';
import { patience } from './patience.ts';
import type { Desktop } from './private-desktop.ts';

const watcherName = 'org.kde.StatusNotifierWatcher';
const watcherPath = '/StatusNotifierWatcher';

export interface ShownItem {
  readonly id: number;
  readonly text: string;
  readonly isEnabled: boolean;
  readonly items: readonly ShownItem[];
}

export interface StatusNotifierHost extends AsyncDisposable {
  /** Waits for an icon. */
  icon(): Promise<ShownIcon>;
  /** How many there are now. */
  count(): number;
  /** A panel comes to a watcher that had none. */
  panelComes(): void;
}

export interface ShownIcon {
  /** The menu as it is now, without what is hidden. */
  menu(): Promise<readonly ShownItem[]>;
  /** One line each, `-` for a separator, `(…)` for what cannot be clicked, submenus indented. */
  text(): Promise<string>;
  click(text: string): Promise<void>;
  property(name: string): Promise<unknown>;
}

/**
 * @param hasPanel false: a watcher alone, which shows nothing.
 * @param entryOf how it lists an icon.
 */
export async function startHost(
  desktop: Desktop,
  { hasPanel = true, entryOf = (owner: string, path: string) => `${owner}${path}`, onRegister = () => {} } = {},
): Promise<StatusNotifierHost> {
  const environment = desktop.environment;
  const bus = dbus.sessionBus({ busAddress: environment['DBUS_SESSION_BUS_ADDRESS'] ?? '', plainValues: true });
  bus.connection.on('error', () => undefined); // a bus that a test ends
  const items: { readonly owner: string; readonly path: string }[] = [];
  const registered = () => items.map(({ owner, path }) => entryOf(owner, path));
  let isPanelThere = hasPanel;
  const { descriptor, impl, emit } = dbus.defineInterface({
    name: watcherName,
    methods: {
      RegisterStatusNotifierItem: {
        in: { service: 's' },
        handler: ({ service }: { service: string }, { sender = '' }) => {
          const isPath = service.startsWith('/');
          const item = { owner: isPath ? sender : service, path: isPath ? service : '/StatusNotifierItem' };
          items.push(item);
          onRegister();
          emit['StatusNotifierItemRegistered']?.(entryOf(item.owner, item.path));
        },
      },
      RegisterStatusNotifierHost: { in: { service: 's' }, handler: () => undefined },
    },
    properties: {
      RegisteredStatusNotifierItems: { type: 'as', access: 'read', get: registered },
      IsStatusNotifierHostRegistered: { type: 'b', access: 'read', get: () => isPanelThere },
      ProtocolVersion: { type: 'i', access: 'read', get: () => 0 },
    },
    signals: {
      StatusNotifierItemRegistered: { args: { service: 's' } },
      StatusNotifierItemUnregistered: { args: { service: 's' } },
      StatusNotifierHostRegistered: { args: {} },
    },
  });
  bus.exportInterface(impl, watcherPath, descriptor);
  const reader = await openSessionBus(environment, { timeoutMs: 5000 });
  if (reader === undefined) throw new Error('there is no bus');
  await reader.onSignal(
    { sender: 'org.freedesktop.DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' },
    ([name, , owner]) => {
      const index = items.findIndex((item) => item.owner === name);
      if (owner === '' && index !== -1) items.splice(index, 1);
    },
  );
  await bus.requestName(watcherName, 0);
  return {
    icon: async () => {
      await vi.waitUntil(() => items.length > 0, patience);
      const item = items.at(-1);
      if (item === undefined) throw new Error('there is no icon');
      return iconOf(reader, item);
    },
    count: () => items.length,
    panelComes: () => {
      isPanelThere = true;
      emit['StatusNotifierHostRegistered']?.();
    },
    [Symbol.asyncDispose]: async () => {
      bus.connection.end();
      await reader[Symbol.asyncDispose]();
    },
  };
}

function iconOf(bus: SessionBus, { owner, path }: { readonly owner: string; readonly path: string }): ShownIcon {
  const property = async (name: string) => {
    const call = { destination: owner, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' };
    const body = ['org.kde.StatusNotifierItem', name];
    const [value] = await bus.call({ ...call, signature: 'ss', body }, { timeoutMs: 5000 });
    return value;
  };
  const ofMenu = async (member: string, signature: string, body: readonly unknown[]) => {
    const menu = String(await property('Menu'));
    const call = { destination: owner, path: menu, interface: 'com.canonical.dbusmenu', member, signature, body };
    return await bus.call(call, { timeoutMs: 5000 });
  };
  const menu = async () => {
    const [, root] = await ofMenu('GetLayout', 'iias', [0, -1, []]);
    return itemsOf(root);
  };
  return {
    property,
    menu,
    text: async () => inLines(await menu(), ''),
    click: async (text) => {
      const found = find(await menu(), text);
      if (found === undefined) throw new Error(`no "${text}" in the menu`);
      await ofMenu('Event', 'isvu', [found.id, 'clicked', ['s', ''], 0]);
    },
  };
}

function itemsOf(node: unknown): readonly ShownItem[] {
  const [, , children] = node as [number, unknown, unknown[]];
  return children.flatMap((child) => {
    const [id, properties] = child as [number, Record<string, unknown>];
    if (properties['visible'] === false) return [];
    const isSeparator = properties['type'] === 'separator';
    // In a label "_x" underlines x, and "__" is one "_" (com.canonical.dbusmenu).
    const text = isSeparator ? '-' : String(properties['label'] ?? '').replace(/_(.)/g, '$1');
    return [{ id, text, isEnabled: properties['enabled'] !== false, items: itemsOf(child) }];
  });
}

function inLines(items: readonly ShownItem[], indent: string): string {
  return items
    .map(({ text, isEnabled, items: inside }) => {
      const line = `${indent}${isEnabled ? text : `(${text})`}`;
      return inside.length === 0 ? line : `${line}\n${inLines(inside, `${indent}  `)}`;
    })
    .join('\n');
}

function find(items: readonly ShownItem[], text: string): ShownItem | undefined {
  for (const item of items) {
    const found = item.text === text ? item : find(item.items, text);
    if (found !== undefined) return found;
  }
  return undefined;
}
