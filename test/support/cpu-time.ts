/**
 * The processor time this thread has used, in milliseconds. For tests that something hostile costs little: unlike the clock on
 * the wall it does not run while a busy machine does other things.
 */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
