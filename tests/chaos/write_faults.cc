// An LD_PRELOAD library that makes the writing of files fail by a schedule. The environment says
// where:
//
//   WRITE_FAULTS_DIR     the directory; nothing outside it is touched or counted
//   WRITE_FAULTS_FILE    the schedule; looked at before each call: it can change at any time
//   WRITE_FAULTS_COUNTS  what was done, added up over all processes that are told of the same file
//
// The schedule has a rule a line; what follows a '#' is a remark:
//
//   CALL ACT [once] [times=N] [after=N] [one-in=N] [seed=N] [file=PART]
//
//   CALL  open (with O_CREAT) write pwrite pwritev fallocate ftruncate fdatasync fsync rename
//         unlink, or any. The variants of a call (64, v2, at, writev, posix_) go by its name.
//   ACT   an errno's name, as ENOSPC; short [BYTES] (of a write; half of it without BYTES);
//         slow MILLISECONDS; kill (SIGKILL before the call is made); kill-after (behind it)
//
// A rule acts from the `after`th call on that it matches, at most `times` times, and on one in
// `one-in` of them. All rules see a call: it is slowed by each that says so, and the first error or
// short of them counts. `pwritev short after=9` and `pwritev kill-after after=9` are a torn write.
// A changed schedule starts from the beginning. A schedule that makes no sense aborts the process.
//
// What writes by other ways goes unseen: mmap, io_uring, and the C library's own streams.

#undef _FORTIFY_SOURCE  // its inline open() would stand in the way of ours

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "tests/chaos/fault_schedule.h"

namespace {

using namespace xylem::chaos;

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

using PathBuffer = std::array<char, PATH_MAX>;

std::string_view path_of(int fd, PathBuffer& into) {
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link.data(), into.data(), into.size());
  return length < 0 ? std::string_view{} : std::string_view(into.data(), std::size_t(length));
}

// The file need not be there yet, but its folder must be.
std::string path_of(int folder, const char* name) {
  std::string path = name;
  PathBuffer buffer;
  if (path.empty() || path[0] != '/') {
    if (folder == AT_FDCWD) {
      path = std::string(getcwd(buffer.data(), buffer.size()) ? buffer.data() : "") + "/" + path;
    } else {
      path = std::string(path_of(folder, buffer)) + "/" + path;
    }
  }
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  if (realpath(parent.c_str(), buffer.data()) == nullptr) return path;
  return std::string(buffer.data()) + path.substr(slash);
}

// Makes the call by `real`, which is given its fate, unless it must fail.
template <class Real>
auto on_path(Call call, std::string_view path, Real real) -> decltype(real(Fate{})) {
  if (!FaultSchedule::instance().watches(path)) return real(Fate{});
  const Fate fate = FaultSchedule::instance().decide(call, path);
  if (fate.slow_ms > 0) {
    timespec left{time_t(fate.slow_ms / 1000), long(fate.slow_ms % 1000) * 1'000'000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
  }
  if (fate.kill) die();
  decltype(real(fate)) result = -1;
  if (fate.error == 0) {
    result = real(fate);
  } else {
    errno = fate.error;
  }
  if (fate.kill_after) die();
  return result;
}

template <class Real>
auto on_file(Call call, int fd, Real real) {
  PathBuffer buffer;
  return on_path(call, path_of(fd, buffer), real);
}

template <class Function>
Function next(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) give_up(std::string("there is no ") + name);
  return reinterpret_cast<Function>(found);
}

std::vector<iovec> first_bytes(const iovec* parts, int count, const Fate& fate) {
  std::vector<iovec> kept(parts, parts + std::max(count, 0));
  std::size_t total = 0;
  for (const iovec& part : kept) total += part.iov_len;
  std::size_t left = fate.bytes(total);
  for (iovec& part : kept) {
    part.iov_len = std::min(part.iov_len, left);
    left -= part.iov_len;
  }
  return kept;
}

using OpenAt = int (*)(int, const char*, int, ...);
using Write = ssize_t (*)(int, const void*, size_t);
using WriteV = ssize_t (*)(int, const iovec*, int);
using WriteAt = ssize_t (*)(int, const void*, size_t, off_t);
using WriteVAt = ssize_t (*)(int, const iovec*, int, off_t);
using WriteVAt2 = ssize_t (*)(int, const iovec*, int, off_t, int);
using Allocate = int (*)(int, int, off_t, off_t);
using PosixAllocate = int (*)(int, off_t, off_t);
using Truncate = int (*)(int, off_t);
using Sync = int (*)(int);
using Rename = int (*)(const char*, const char*);
using RenameAt = int (*)(int, const char*, int, const char*);
using RenameAt2 = int (*)(int, const char*, int, const char*, unsigned);
using Unlink = int (*)(const char*);
using UnlinkAt = int (*)(int, const char*, int);

static_assert(sizeof(off_t) == 8, "the variants with a 64 in their names are taken for the same");

int opened(int folder, const char* name, int flags, mode_t mode) {
  static const auto real = next<OpenAt>("openat");
  if ((flags & O_CREAT) == 0) return real(folder, name, flags, mode);
  return on_path(Call::open, path_of(folder, name),
                 [&](const Fate&) { return real(folder, name, flags, mode); });
}

// Whether a mode follows.
bool has_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

// `real` takes the parts and how many they are.
template <class Real>
ssize_t written_parts(Call call, int fd, const iovec* parts, int count, Real real) {
  return on_file(call, fd, [&](const Fate& fate) {
    return fate.is_cut ? real(first_bytes(parts, count, fate).data(), count) : real(parts, count);
  });
}

// A file may leave the directory or come to it; either is a change of it.
template <class Real>
int renamed(const std::string& from, const std::string& to, Real real) {
  return on_path(Call::rename, FaultSchedule::instance().watches(to) ? to : from,
                 [&](const Fate&) { return real(); });
}

}  // namespace

extern "C" {

int open(const char* name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char* name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened(folder, name, flags, mode);
}

int creat(const char* name, mode_t mode) {
  return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto real = next<Write>("write");
  return on_file(Call::write, fd,
                 [&](const Fate& fate) { return real(fd, bytes, fate.bytes(count)); });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto real = next<WriteV>("writev");
  return written_parts(Call::write, fd, parts, count,
                       [&](const iovec* kept, int many) { return real(fd, kept, many); });
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  static const auto real = next<WriteAt>("pwrite");
  return on_file(Call::pwrite, fd,
                 [&](const Fate& fate) { return real(fd, bytes, fate.bytes(count), at); });
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  static const auto real = next<WriteVAt>("pwritev");
  return written_parts(Call::pwritev, fd, parts, count,
                       [&](const iovec* kept, int many) { return real(fd, kept, many, at); });
}

ssize_t pwritev2(int fd, const iovec* parts, int count, off_t at, int flags) {
  static const auto real = next<WriteVAt2>("pwritev2");
  return written_parts(Call::pwritev, fd, parts, count, [&](const iovec* kept, int many) {
    return real(fd, kept, many, at, flags);
  });
}

int fallocate(int fd, int mode, off_t at, off_t length) {
  static const auto real = next<Allocate>("fallocate");
  return on_file(Call::fallocate, fd, [&](const Fate&) { return real(fd, mode, at, length); });
}

// Unlike the others it returns its error.
int posix_fallocate(int fd, off_t at, off_t length) {
  static const auto real = next<PosixAllocate>("posix_fallocate");
  const int result = on_file(Call::fallocate, fd, [&](const Fate&) {
    errno = real(fd, at, length);
    return errno == 0 ? 0 : -1;
  });
  return result == 0 ? 0 : errno;
}

int ftruncate(int fd, off_t length) noexcept {
  static const auto real = next<Truncate>("ftruncate");
  return on_file(Call::ftruncate, fd, [&](const Fate&) { return real(fd, length); });
}

int fdatasync(int fd) {
  static const auto real = next<Sync>("fdatasync");
  return on_file(Call::fdatasync, fd, [&](const Fate&) { return real(fd); });
}

int fsync(int fd) {
  static const auto real = next<Sync>("fsync");
  return on_file(Call::fsync, fd, [&](const Fate&) { return real(fd); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<Rename>("rename");
  return renamed(path_of(AT_FDCWD, from), path_of(AT_FDCWD, to), [&] { return real(from, to); });
}

int renameat(int old_folder, const char* from, int new_folder, const char* to) noexcept {
  static const auto real = next<RenameAt>("renameat");
  return renamed(path_of(old_folder, from), path_of(new_folder, to),
                 [&] { return real(old_folder, from, new_folder, to); });
}

int renameat2(int old_folder, const char* from, int new_folder, const char* to,
              unsigned flags) noexcept {
  static const auto real = next<RenameAt2>("renameat2");
  return renamed(path_of(old_folder, from), path_of(new_folder, to),
                 [&] { return real(old_folder, from, new_folder, to, flags); });
}

int unlink(const char* name) noexcept {
  static const auto real = next<Unlink>("unlink");
  return on_path(Call::unlink, path_of(AT_FDCWD, name), [&](const Fate&) { return real(name); });
}

int unlinkat(int folder, const char* name, int flags) noexcept {
  static const auto real = next<UnlinkAt>("unlinkat");
  return on_path(Call::unlink, path_of(folder, name),
                 [&](const Fate&) { return real(folder, name, flags); });
}

// std::filesystem::remove() comes by here; a folder is removed too.
int remove(const char* name) noexcept {
  static const auto real = next<Unlink>("remove");
  return on_path(Call::unlink, path_of(AT_FDCWD, name), [&](const Fate&) { return real(name); });
}

int open64(const char*, int, ...) __attribute__((alias("open")));
int openat64(int, const char*, int, ...) __attribute__((alias("openat")));
int creat64(const char*, mode_t) __attribute__((alias("creat")));
ssize_t pwrite64(int, const void*, size_t, off64_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const iovec*, int, off64_t) __attribute__((alias("pwritev")));
ssize_t pwritev64v2(int, const iovec*, int, off64_t, int) __attribute__((alias("pwritev2")));
int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));
int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));
int ftruncate64(int, off64_t) noexcept __attribute__((alias("ftruncate")));

}  // extern "C"
