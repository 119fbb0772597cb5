// Somebody on the bus who repeats what is said to them, as an answer and as a signal.

import dbus from 'dbus-native';

const bus = dbus.sessionBus();
const echo = {
  Say: (text: string) => {
    bus.sendSignal('/', 'org.example.Echo', 'Said', 's', [text]);
    return text;
  },
};
bus.exportInterface(echo, '/', { name: 'org.example.Echo', methods: { Say: ['s', 's', ['text'], ['text']] } });
bus.requestName('org.example.Echo', 0);
