// Preloaded into one process, this makes chosen files fail the way a bad disk does. What and where comes from the
// environment; without it nothing changes. Node.js reads and flushes through these functions of libc (libuv: uv__fs_read,
// uv__fs_fsync, uv__fs_fdatasync).
//
//   KEEPSAKE_FAULT_READ=TEXT        reads of files whose path contains TEXT fail with EIO ...
//   KEEPSAKE_FAULT_READ_AFTER=N     ... once they reach byte N
//   KEEPSAKE_FAULT_HANG=TEXT        reads of such files never return
//   KEEPSAKE_FAULT_FLUSH=TEXT       fsync and fdatasync of a path that contains TEXT: the Nth fails with EIO, all others
//   KEEPSAKE_FAULT_FLUSH_NTH=N      "succeed", as Linux does it (an error is told once). N counts from 1.
//   KEEPSAKE_FAULT_SIZE=TEXT        writes to such paths fail with EFBIG beyond KEEPSAKE_FAULT_SIZE_LIMIT bytes, as FAT32's
//                                   do beyond 4 GiB

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int names(int fd, const char *variable) {
  const char *text = getenv(variable);
  char link[64], path[PATH_MAX];
  ssize_t length;
  if (text == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return strstr(path, text) != NULL;
}

static long long number(const char *variable, long long otherwise) {
  const char *text = getenv(variable);
  return text == NULL ? otherwise : atoll(text);
}

// How many of `size` bytes from `offset` may be read, or -1.
static ssize_t allowed(int fd, size_t size, off64_t offset) {
  if (names(fd, "KEEPSAKE_FAULT_HANG")) for (;;) pause();
  if (names(fd, "KEEPSAKE_FAULT_READ")) {
    long long left = number("KEEPSAKE_FAULT_READ_AFTER", 0) - (long long)offset;
    if (left <= 0) { errno = EIO; return -1; }
    if ((unsigned long long)left < size) return (ssize_t)left;
  }
  return (ssize_t)size;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread64(int fd, void *into, size_t size, off64_t offset) {
  ssize_t left = allowed(fd, size, offset);
  return left < 0 ? -1 : REAL(pread64)(fd, into, (size_t)left, offset);
}

ssize_t pread(int fd, void *into, size_t size, off_t offset) {
  ssize_t left = allowed(fd, size, offset);
  return left < 0 ? -1 : REAL(pread)(fd, into, (size_t)left, offset);
}

ssize_t read(int fd, void *into, size_t size) {
  ssize_t left = allowed(fd, size, 0);
  return left < 0 ? -1 : REAL(read)(fd, into, (size_t)left);
}

// Several buffers at once: nothing of ours reads so, so it fails or passes as a whole.
ssize_t preadv64(int fd, const struct iovec *into, int count, off64_t offset) {
  return allowed(fd, 1, offset) < 0 ? -1 : REAL(preadv64)(fd, into, count, offset);
}

static int failsNow(int fd) {
  static atomic_llong seen;
  return names(fd, "KEEPSAKE_FAULT_FLUSH") && atomic_fetch_add(&seen, 1) + 1 == number("KEEPSAKE_FAULT_FLUSH_NTH", 1);
}

int fsync(int fd) {
  if (failsNow(fd)) { errno = EIO; return -1; }
  return REAL(fsync)(fd);
}

int fdatasync(int fd) {
  if (failsNow(fd)) { errno = EIO; return -1; }
  return REAL(fdatasync)(fd);
}

static int isTooLarge(int fd, size_t size, off64_t offset) {
  if (!names(fd, "KEEPSAKE_FAULT_SIZE")) return 0;
  return (long long)offset + (long long)size > number("KEEPSAKE_FAULT_SIZE_LIMIT", 0);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t offset) {
  if (isTooLarge(fd, size, offset)) { errno = EFBIG; return -1; }
  return REAL(pwrite64)(fd, from, size, offset);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) {
  if (isTooLarge(fd, size, offset)) { errno = EFBIG; return -1; }
  return REAL(pwrite)(fd, from, size, offset);
}
