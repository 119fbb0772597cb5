// Names come from phones, cards and drives: what they may not do to a screen.

/** Without characters that control a terminal, end a line, or turn the direction of what follows. */
export function printable(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}
