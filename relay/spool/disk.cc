#include "relay/spool/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace xylem {
namespace {

constexpr std::size_t kPiecesPerCall = 256;  // of IOV_MAX 1024
constexpr const char* kLockName = "lock";
// A FIFO does not keep us waiting, and no link leads out of the directory.
constexpr int kOnlyFiles = O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;

tl::unexpected<Error> error_of(int number, std::string_view what) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return fail(full ? ErrorCode::no_space : ErrorCode::io,
              fmt::format("{}: {}", what, std::strerror(number)));
}

// Whether what is open as `fd` is what stands at `path`.
bool stands_at(int fd, const char* path, int flags) {
  struct stat ours {};
  struct stat there {};
  return ::fstat(fd, &ours) == 0 && ::fstatat(AT_FDCWD, path, &there, flags) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<void> write_at(std::uint64_t offset,
                        std::span<const std::span<const std::byte>> pieces) override {
    while (!pieces.empty()) {
      const auto now = pieces.first(std::min(pieces.size(), kPiecesPerCall));
      if (auto written = write_some(offset, now); !written) return written;
      for (const auto& piece : now) offset += piece.size();
      pieces = pieces.subspan(now.size());
    }
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
    std::size_t got = 0;
    while (got < out.size()) {
      const ssize_t n =
          ::pread(fd_, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("read");
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    return got;
  }
  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return failed("sync");
    if (stands_at(fd_, path_.c_str(), AT_SYMLINK_NOFOLLOW)) return {};
    return fail(ErrorCode::io, fmt::format("cannot sync {}: it was removed or replaced", path_));
  }
  Result<void> reserve(std::uint64_t bytes) override {
    const int done = ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
    // A file system that cannot is told of a full disk when it comes to that.
    if (done != 0 && errno != EOPNOTSUPP && errno != ENOSYS) return failed("take room for");
    return {};
  }
  Result<void> truncate(std::uint64_t bytes) override {
    if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) return failed("cut");
    return {};
  }
  Result<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) return failed("look at");
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Result<void> write_some(std::uint64_t offset,
                          std::span<const std::span<const std::byte>> pieces) {
    std::array<iovec, kPiecesPerCall> vectors{};
    std::size_t count = 0;
    for (const auto& piece : pieces) {
      vectors[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
    }
    std::span<iovec> left(vectors.data(), count);
    while (!left.empty()) {
      const ssize_t n =
          ::pwritev(fd_, left.data(), static_cast<int>(left.size()), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("write");
      offset += static_cast<std::uint64_t>(n);
      auto done = static_cast<std::size_t>(n);
      while (!left.empty() && done >= left.front().iov_len) {
        done -= left.front().iov_len;
        left = left.subspan(1);
      }
      if (left.empty()) break;
      left.front().iov_base = static_cast<char*>(left.front().iov_base) + done;
      left.front().iov_len -= done;
    }
    return {};
  }
  [[nodiscard]] tl::unexpected<Error> failed(const char* verb) const {
    return error_of(errno, fmt::format("cannot {} {}", verb, path_));
  }
  int fd_;
  std::string path_;
};

std::string holder(int fd) {
  std::array<char, 64> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
  const std::string said(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  return said.empty() ? "another relay" : "process " + said.substr(0, said.find('\n'));
}

}  // namespace

Result<std::unique_ptr<Directory>> Directory::look(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return error_of(errno, fmt::format("cannot open the directory {}", path));
  return std::unique_ptr<Directory>(new Directory(path, fd));
}

Result<std::unique_ptr<Directory>> Directory::hold(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return error_of(errno, fmt::format("cannot make the directory {}", path));
  }
  XYLEM_TRY(std::unique_ptr<Directory> made, look(path));
  if (auto locked = made->lock(); !locked) return tl::unexpected(locked.error());
  return made;
}

Result<void> Directory::lock() {
  lock_fd_ = ::openat(fd_, kLockName, O_RDWR | O_CREAT | kOnlyFiles, 0600);
  if (lock_fd_ < 0) return failed("open", kLockName);
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::refused, fmt::format("{} is held by {}", path_, holder(lock_fd_)));
  }
  // Only for people: the lock is the lock, whatever stands in the file.
  const std::string us = fmt::format("{}\n", ::getpid());
  const bool told = ::ftruncate(lock_fd_, 0) == 0 &&
                    ::pwrite(lock_fd_, us.data(), us.size(), 0) == static_cast<ssize_t>(us.size());
  static_cast<void>(told);
  return {};
}

Directory::~Directory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
  ::close(fd_);
}

tl::unexpected<Error> Directory::failed(const char* verb, const std::string& name) const {
  return error_of(errno, fmt::format("cannot {} {}/{}", verb, path_, name));
}

Result<std::unique_ptr<File>> Directory::create(const std::string& name) {
  if (auto there = in_place(); !there) return tl::unexpected(there.error());
  const int fd = ::openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed("create", name);
  return std::make_unique<PosixFile>(fd, path_ + "/" + name);
}

Result<std::unique_ptr<File>> Directory::open(const std::string& name, Mode mode) {
  const int flags = mode == Mode::read ? O_RDONLY : O_RDWR;
  const int fd = ::openat(fd_, name.c_str(), flags | kOnlyFiles);
  // A link, a folder to write to, a socket.
  const bool other = fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO);
  if (fd < 0 && !other) return failed("open", name);
  struct stat status {};
  // A device is none either; but who names one, as /dev/full, means it.
  if (!other && ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISCHR(status.st_mode))) {
    return std::make_unique<PosixFile>(fd, path_ + "/" + name);
  }
  if (fd >= 0) ::close(fd);
  return fail(ErrorCode::malformed, fmt::format("{}/{} is no file", path_, name));
}

Result<std::vector<std::string>> Directory::list() {
  const int again = ::openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = again < 0 ? nullptr : ::fdopendir(again);
  if (stream == nullptr) return failed("list", ".");
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> Directory::rename(const std::string& from, const std::string& to) {
  if (::renameat(fd_, from.c_str(), fd_, to.c_str()) != 0) return failed("rename", from);
  return {};
}

Result<void> Directory::remove(const std::string& name) {
  if (::unlinkat(fd_, name.c_str(), 0) != 0 && errno != ENOENT) return failed("remove", name);
  return {};
}

Result<void> Directory::sync() {
  if (::fsync(fd_) != 0) return failed("sync", ".");
  return {};
}

Result<void> Directory::in_place() {
  if (stands_at(fd_, path_.c_str(), 0)) return {};
  return fail(ErrorCode::io,
              fmt::format("the folder {} was removed or replaced; restart the relay", path_));
}

Result<Disk::Room> Directory::room() {
  struct statvfs status {};
  if (::fstatvfs(fd_, &status) != 0) return failed("look at", ".");
  return Room{std::uint64_t{status.f_bavail} * status.f_frsize,
              std::uint64_t{status.f_blocks} * status.f_frsize};
}

}  // namespace xylem
