#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "relay/spool/disk.h"
#include "tests/doubles/chance.h"

namespace xylem::testing {

// A disk in memory that forgets and fails as real ones do. It outlives the processes that use it:
// each gets a Disk of its own from mount().
//
//   a process is killed    nothing is lost: what was written is in the kernel
//   the power fails        what was not synced is kept or lost by chance, sector by sector; of the
//                          names made, changed and removed since the last sync() a first part is
//                          kept, as by a journal
//   a sync fails           the sectors are held for clean, whether they are on the disk or not; no
//                          later sync writes them, unless they are written to again
//
// Faults come by chance or on command, and are counted. One thread.
class SimulatedDisk {
 public:
  static constexpr std::size_t kSectorBytes = 512;

  // Calls that fail: one in so many; 0 for none.
  struct Faults {
    std::size_t write_one_in = 0;  // leaves a first part of what it was to write
    std::size_t sync_one_in = 0;   // of a file or of the directory
    std::size_t read_one_in = 0;
    std::size_t name_one_in = 0;  // create, rename, remove
    // Written, whether it is asked for or not, now and then, as the kernel does. No fault.
    std::size_t write_back_one_in = 8;
    std::uint64_t capacity_bytes = UINT64_MAX;
    std::uint64_t others_bytes = 0;  // of them, what others have taken
    // Says that it has synced, and has not.
    bool lies = false;
    // Its folder was removed: nothing can be made there, nor is anything synced.
    bool gone = false;
  };
  struct Counts {
    std::uint64_t writes = 0;
    std::uint64_t syncs = 0;  // that were done
    std::uint64_t failed_writes = 0;
    std::uint64_t failed_syncs = 0;
    std::uint64_t failed_reads = 0;
    std::uint64_t failed_names = 0;
    std::uint64_t full = 0;
    std::uint64_t power_losses = 0;
    std::uint64_t lost_sectors = 0;
    std::uint64_t kept_sectors = 0;  // that were not synced and survived a loss of power
    std::uint64_t lost_names = 0;
    std::uint64_t flipped_bits = 0;
    Counts& operator+=(const Counts& more);
  };

  explicit SimulatedDisk(std::uint64_t seed) : chance_(seed) {}
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // What one process has of it. The disk must outlive it and its files.
  [[nodiscard]] std::unique_ptr<Disk> mount();

  // REQUIRES that no process has it mounted.
  void lose_power();
  // The next so many syncs fail.
  void fail_syncs(std::size_t count) { syncs_to_fail_ = count; }
  // The next write leaves so many bytes, and fails.
  void fail_write_after(std::size_t bytes) { write_to_cut_ = bytes; }
  // One bit of a file, any file or the one named; false if there is none to flip.
  bool flip_bit();
  bool flip_bit(const std::string& name, std::uint64_t bit);

  [[nodiscard]] Faults& faults() { return faults_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t used_bytes() const;
  [[nodiscard]] std::vector<std::string> names() const;
  // A file as a process would read it, or empty.
  [[nodiscard]] std::vector<std::byte> contents(const std::string& name) const;

 private:
  class Mounted;
  class OpenFile;

  // `bytes` is what a process reads, `stable` what is on the disk. They may differ in their size,
  // and in the sectors that are marked.
  struct Inode {
    enum class Mark : std::uint8_t { dirty, held_for_clean };
    std::vector<std::byte> bytes;
    std::vector<std::byte> stable;
    std::map<std::uint64_t, Mark> marks;
    std::uint64_t reserved = 0;

    void mark(std::uint64_t from, std::uint64_t to);
    void write(std::uint64_t offset, std::span<const std::byte> piece);
    void cut(std::uint64_t size);
    void settle(std::uint64_t sector);  // writes it to the disk
    [[nodiscard]] std::uint64_t room() const { return std::max(reserved, bytes.size()); }
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  [[nodiscard]] bool fails(std::size_t one_in) { return one_in != 0 && chance_.one_in(one_in); }
  [[nodiscard]] Result<void> write(Inode& file, std::uint64_t offset,
                                   std::span<const std::byte> piece);
  [[nodiscard]] Result<void> sync(Inode& file);
  [[nodiscard]] bool sync_fails();
  [[nodiscard]] std::uint64_t limit_bytes() const {
    return faults_.capacity_bytes - std::min(faults_.capacity_bytes, faults_.others_bytes);
  }
  void write_back(Inode& file);
  void lose_power(Inode& file);
  void changed_names() { changes_.push_back(names_); }

  Chance chance_;
  Faults faults_;
  Counts counts_;
  Names names_;
  Names stable_names_;
  std::vector<Names> changes_;  // of the names since they were last synced
  std::size_t syncs_to_fail_ = 0;
  std::size_t write_to_cut_ = SIZE_MAX;
};

}  // namespace xylem::testing
