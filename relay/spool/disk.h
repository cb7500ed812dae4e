#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "relay/base/result.h"

namespace xylem {

// A file of the spool. One owner thread. Errors: no_space where the disk or a quota is full, io.
class File {
 public:
  virtual ~File() = default;
  // Writes all of the pieces, one after the other, from `offset` on. After an error any part of it
  // may have been written; the same may be written again.
  [[nodiscard]] virtual Result<void> write_at(
      std::uint64_t offset, std::span<const std::span<const std::byte>> pieces) = 0;
  // Fills `out` as far as the file goes; returns how far that was.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset,
                                                    std::span<std::byte> out) = 0;
  // On return all that was written is on the disk, in a file that is still where it was opened.
  // After an error nobody knows what is: the kernel holds the pages for clean, and asking again
  // would be answered with a lie.
  [[nodiscard]] virtual Result<void> sync() = 0;
  // Takes room for so many bytes, so that a full disk says so now. The size stays.
  [[nodiscard]] virtual Result<void> reserve(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
};

// The spool's directory. What it is in tests: one that forgets, tears and fails (tests/doubles).
// Any thread; the files it opens have one owner each.
class Disk {
 public:
  virtual ~Disk() = default;
  // Errors: io (also if it is there already, or the directory is not in_place()), no_space.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> create(const std::string& name) = 0;
  enum class Mode : std::uint8_t { read, write };
  // Errors: malformed, if it is something else than a file; io.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& name, Mode mode) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> list() = 0;
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& name) = 0;
  // On return, what was created, renamed and removed is on the disk.
  [[nodiscard]] virtual Result<void> sync() = 0;
  // Whether the directory still is what stands at its path. One that was removed, or moved away,
  // takes what is written into it, and nobody finds that again. Errors: io. Cost: a stat(2) or two.
  [[nodiscard]] virtual Result<void> in_place() = 0;
  struct Room {
    std::uint64_t free_bytes = 0;
    std::uint64_t total_bytes = 0;
  };
  [[nodiscard]] virtual Result<Room> room() = 0;
};

// A directory of the operating system, held by a lock for as long as this lives.
class Directory final : public Disk {
 public:
  // Makes the directory (0700) if there is none. Errors: refused, naming who holds it; io.
  [[nodiscard]] static Result<std::unique_ptr<Directory>> hold(const std::string& path);
  // The same without a lock, to look at what is there.
  [[nodiscard]] static Result<std::unique_ptr<Directory>> look(const std::string& path);
  ~Directory() override;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::string& name) override;
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& name, Mode mode) override;
  [[nodiscard]] Result<std::vector<std::string>> list() override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& name) override;
  [[nodiscard]] Result<void> sync() override;
  [[nodiscard]] Result<void> in_place() override;
  [[nodiscard]] Result<Room> room() override;

 private:
  Directory(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  [[nodiscard]] Result<void> lock();
  [[nodiscard]] tl::unexpected<Error> failed(const char* verb, const std::string& name) const;

  std::string path_;
  int fd_ = -1;
  int lock_fd_ = -1;
};

}  // namespace xylem
