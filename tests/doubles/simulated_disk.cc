#include "tests/doubles/simulated_disk.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "relay/base/check.h"

namespace xylem::testing {
namespace {

constexpr std::uint64_t kSector = SimulatedDisk::kSectorBytes;

tl::unexpected<Error> broken(const char* what) {
  return fail(ErrorCode::io, std::string(what) + ": Input/output error (simulated)");
}

tl::unexpected<Error> full() {
  return fail(ErrorCode::no_space, "No space left on device (simulated)");
}

}  // namespace

SimulatedDisk::Counts& SimulatedDisk::Counts::operator+=(const Counts& more) {
  const auto add = [&](std::uint64_t Counts::*count) { this->*count += more.*count; };
  for (const auto count :
       {&Counts::writes, &Counts::syncs, &Counts::failed_writes, &Counts::failed_syncs,
        &Counts::failed_reads, &Counts::failed_names, &Counts::full, &Counts::power_losses,
        &Counts::lost_sectors, &Counts::kept_sectors, &Counts::lost_names, &Counts::flipped_bits}) {
    add(count);
  }
  return *this;
}

void SimulatedDisk::Inode::mark(std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t sector = from / kSector; sector * kSector < to; ++sector) {
    marks[sector] = Mark::dirty;
  }
}

void SimulatedDisk::Inode::write(std::uint64_t offset, std::span<const std::byte> piece) {
  const std::uint64_t end = offset + piece.size();
  mark(std::min<std::uint64_t>(offset, bytes.size()), end);
  if (end > bytes.size()) bytes.resize(end);
  std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

void SimulatedDisk::Inode::cut(std::uint64_t size) {
  mark(std::min<std::uint64_t>(size, bytes.size()), std::max(bytes.size(), stable.size()));
  bytes.resize(size);
  reserved = size;
}

void SimulatedDisk::Inode::settle(std::uint64_t sector) {
  const std::uint64_t begin = sector * kSector;
  const std::uint64_t end = std::min<std::uint64_t>(begin + kSector, bytes.size());
  if (begin >= end) return;
  if (stable.size() < end) stable.resize(end);
  std::memcpy(stable.data() + begin, bytes.data() + begin, end - begin);
}

class SimulatedDisk::OpenFile final : public File {
 public:
  OpenFile(SimulatedDisk& disk, std::shared_ptr<Inode> inode)
      : disk_(disk), inode_(std::move(inode)) {}

  Result<void> write_at(std::uint64_t offset,
                        std::span<const std::span<const std::byte>> pieces) override {
    std::vector<std::byte> whole;
    for (const auto& piece : pieces) whole.insert(whole.end(), piece.begin(), piece.end());
    return disk_.write(*inode_, offset, whole);
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
    if (disk_.fails(disk_.faults_.read_one_in)) {
      ++disk_.counts_.failed_reads;
      return broken("cannot read");
    }
    const std::vector<std::byte>& bytes = inode_->bytes;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(out.size(), bytes.size() - offset);
    std::memcpy(out.data(), bytes.data() + offset, count);
    return count;
  }
  Result<void> sync() override { return disk_.sync(*inode_); }
  Result<void> reserve(std::uint64_t bytes) override {
    const std::uint64_t room = inode_->room();
    if (bytes > room && disk_.used_bytes() - room + bytes > disk_.limit_bytes()) {
      ++disk_.counts_.full;
      return full();
    }
    inode_->reserved = std::max(inode_->reserved, bytes);
    return {};
  }
  Result<void> truncate(std::uint64_t bytes) override {
    inode_->cut(bytes);
    return {};
  }
  Result<std::uint64_t> size() override { return inode_->bytes.size(); }

 private:
  SimulatedDisk& disk_;
  std::shared_ptr<Inode> inode_;
};

class SimulatedDisk::Mounted final : public Disk {
 public:
  explicit Mounted(SimulatedDisk& disk) : disk_(disk) {}

  Result<std::unique_ptr<File>> create(const std::string& name) override {
    if (disk_.names_.contains(name)) return fail(ErrorCode::io, name + ": File exists");
    if (disk_.faults_.gone) return broken("the folder was removed");
    if (refuses()) return broken("cannot create");
    disk_.names_[name] = std::make_shared<Inode>();
    disk_.changed_names();
    return open(name, Mode::write);
  }
  Result<std::unique_ptr<File>> open(const std::string& name, Mode) override {
    const auto known = disk_.names_.find(name);
    if (known == disk_.names_.end()) {
      return fail(ErrorCode::io, name + ": No such file or directory");
    }
    return std::make_unique<OpenFile>(disk_, known->second);
  }
  Result<std::vector<std::string>> list() override { return disk_.names(); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    const auto known = disk_.names_.find(from);
    if (known == disk_.names_.end()) {
      return fail(ErrorCode::io, from + ": No such file or directory");
    }
    if (refuses()) return broken("cannot rename");
    const std::shared_ptr<Inode> inode = known->second;
    disk_.names_.erase(known);
    disk_.names_[to] = inode;
    disk_.changed_names();
    return {};
  }
  Result<void> remove(const std::string& name) override {
    if (!disk_.names_.contains(name)) return {};
    if (refuses()) return broken("cannot remove");
    disk_.names_.erase(name);
    disk_.changed_names();
    return {};
  }
  Result<void> sync() override {
    if (disk_.sync_fails()) return broken("cannot sync the directory");
    if (disk_.faults_.lies) return {};
    disk_.stable_names_ = disk_.names_;
    disk_.changes_.clear();
    return {};
  }
  Result<void> in_place() override {
    return disk_.faults_.gone ? Result<void>(broken("the folder was removed")) : Result<void>();
  }
  Result<Room> room() override {
    const std::uint64_t limit = disk_.limit_bytes();
    return Room{limit - std::min(limit, disk_.used_bytes()), disk_.faults_.capacity_bytes};
  }

 private:
  [[nodiscard]] bool refuses() {
    if (!disk_.fails(disk_.faults_.name_one_in)) return false;
    ++disk_.counts_.failed_names;
    return true;
  }
  SimulatedDisk& disk_;
};

std::unique_ptr<Disk> SimulatedDisk::mount() { return std::make_unique<Mounted>(*this); }

Result<void> SimulatedDisk::write(Inode& file, std::uint64_t offset,
                                  std::span<const std::byte> piece) {
  ++counts_.writes;
  if (fails(faults_.write_one_in)) write_to_cut_ = chance_.below(piece.size() + 1);
  if (const std::size_t cut = std::exchange(write_to_cut_, SIZE_MAX); cut != SIZE_MAX) {
    ++counts_.failed_writes;
    file.write(offset, piece.first(std::min(cut, piece.size())));
    return broken("cannot write");
  }
  const std::uint64_t taken = used_bytes() - file.room();
  const std::uint64_t capacity = limit_bytes();
  // What is taken already can be written to, also on a disk that has shrunk meanwhile.
  const std::uint64_t end_max = std::max(file.room(), capacity - std::min(capacity, taken));
  if (offset + piece.size() > end_max) {
    ++counts_.full;
    if (offset < end_max) file.write(offset, piece.first(end_max - offset));
    return full();
  }
  file.write(offset, piece);
  if (fails(faults_.write_back_one_in)) write_back(file);
  return {};
}

// What the kernel writes by itself, in whatever order.
void SimulatedDisk::write_back(Inode& file) {
  for (auto at = file.marks.begin(); at != file.marks.end();) {
    const bool now = at->second == Inode::Mark::dirty && chance_.one_in(2);
    if (now) file.settle(at->first);
    at = now ? file.marks.erase(at) : std::next(at);
  }
}

bool SimulatedDisk::sync_fails() {
  const bool fail_it = faults_.gone || syncs_to_fail_ != 0 || fails(faults_.sync_one_in);
  if (syncs_to_fail_ != 0) --syncs_to_fail_;
  counts_.failed_syncs += fail_it;
  counts_.syncs += !fail_it;
  return fail_it;
}

Result<void> SimulatedDisk::sync(Inode& file) {
  if (sync_fails()) {
    write_back(file);
    for (auto& [sector, mark] : file.marks) mark = Inode::Mark::held_for_clean;
    return broken("cannot sync");
  }
  if (faults_.lies) return {};
  file.stable.resize(file.bytes.size());
  for (auto at = file.marks.begin(); at != file.marks.end();) {
    const bool dirty = at->second == Inode::Mark::dirty;
    if (dirty) file.settle(at->first);
    at = dirty ? file.marks.erase(at) : std::next(at);
  }
  return {};
}

// Each loss has a way of its own: everything that was not synced, nothing, or some of it.
void SimulatedDisk::lose_power() {
  ++counts_.power_losses;
  const std::size_t kept = chance_.below(changes_.size() + 1);
  counts_.lost_names += changes_.size() - kept;
  names_ = kept == 0 ? stable_names_ : changes_[kept - 1];
  stable_names_ = names_;
  changes_.clear();
  for (auto& [name, file] : names_) lose_power(*file);
}

void SimulatedDisk::lose_power(Inode& file) {
  if (file.marks.empty() && file.bytes.size() == file.stable.size()) return;
  std::uint64_t size = chance_.one_in(2) ? file.bytes.size() : file.stable.size();
  const std::size_t lost_in_four = chance_.below(5);
  for (const auto& [sector, mark] : file.marks) {
    const bool lost = chance_.below(4) < lost_in_four;
    ++(lost ? counts_.lost_sectors : counts_.kept_sectors);
    if (!lost) file.settle(sector);
  }
  // What lies behind a size that was lost is gone as well.
  if (size > file.stable.size() && chance_.one_in(2)) size = file.stable.size();
  file.stable.resize(size);
  file.bytes = file.stable;
  file.marks.clear();
  file.reserved = 0;
}

bool SimulatedDisk::flip_bit() {
  std::vector<std::string> some;
  for (const auto& [name, file] : names_) {
    if (!file->bytes.empty()) some.push_back(name);
  }
  if (some.empty()) return false;
  const std::string& name = chance_.of(std::span<const std::string>(some));
  return flip_bit(name, chance_.below(names_[name]->bytes.size() * 8));
}

bool SimulatedDisk::flip_bit(const std::string& name, std::uint64_t bit) {
  const auto known = names_.find(name);
  if (known == names_.end() || bit / 8 >= known->second->bytes.size()) return false;
  const auto flipped = static_cast<std::byte>(1U << (bit % 8));
  known->second->bytes[bit / 8] ^= flipped;
  if (bit / 8 < known->second->stable.size()) known->second->stable[bit / 8] ^= flipped;
  ++counts_.flipped_bits;
  return true;
}

std::uint64_t SimulatedDisk::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [name, file] : names_) used += file->room();
  return used;
}

std::vector<std::string> SimulatedDisk::names() const {
  std::vector<std::string> all;
  for (const auto& [name, file] : names_) all.push_back(name);
  return all;
}

std::vector<std::byte> SimulatedDisk::contents(const std::string& name) const {
  const auto known = names_.find(name);
  return known == names_.end() ? std::vector<std::byte>() : known->second->bytes;
}

}  // namespace xylem::testing
