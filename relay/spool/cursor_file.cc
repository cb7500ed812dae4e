#include "relay/spool/cursor_file.h"

#include <array>
#include <cstring>

#include "relay/spool/crc32c.h"

namespace xylem {
namespace {

constexpr std::uint64_t kSlotBytes = 512;  // a sector, so that one write touches one slot
constexpr char kMagic[] = {'X', 'Y', 'L', 'C', 'U', 'R', 'S', '1'};

struct Slot {
  char magic[8];
  std::uint64_t generation;
  std::uint64_t source;
  std::uint64_t number;
  std::uint64_t epoch;
  std::uint64_t sequence;
  std::uint32_t reserved;
  std::uint32_t crc;
};
static_assert(sizeof(Slot) == 56, "as docs/spool.md draws it");

std::uint32_t crc_of(const Slot& slot) {
  return crc32c(std::as_bytes(std::span(&slot, 1)).first(sizeof slot - sizeof slot.crc));
}

std::optional<Slot> read_slot(File& file, std::uint64_t index) {
  Slot slot{};
  const auto bytes = std::as_writable_bytes(std::span(&slot, 1));
  const auto got = file.read_at(index * kSlotBytes, bytes);
  const bool whole = got && *got == sizeof slot;
  if (!whole || std::memcmp(slot.magic, kMagic, sizeof kMagic) != 0 || slot.crc != crc_of(slot)) {
    return std::nullopt;
  }
  return slot;
}

}  // namespace

Result<CursorFile> CursorFile::open(Disk& disk, const std::string& name) {
  CursorFile made;
  auto file = disk.open(name, Disk::Mode::write);
  if (!file) file = disk.create(name);
  if (!file) return tl::unexpected(file.error());
  made.file_ = std::move(*file);
  for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}}) {
    const auto slot = read_slot(*made.file_, index);
    if (!slot || slot->generation < made.generation_) continue;
    made.generation_ = slot->generation;
    made.found_ = Cursor{{slot->source}, {slot->number}, {{slot->epoch}, {slot->sequence}}};
  }
  return made;
}

Result<void> CursorFile::save(const Cursor& cursor) {
  Slot slot{};
  std::memcpy(slot.magic, kMagic, sizeof kMagic);
  slot.generation = ++generation_;
  slot.source = cursor.source.value;
  slot.number = cursor.number.value;
  slot.epoch = cursor.position.epoch.value;
  slot.sequence = cursor.position.sequence.value;
  slot.crc = crc_of(slot);
  const std::span<const std::byte> piece = std::as_bytes(std::span(&slot, 1));
  return file_->write_at((generation_ % 2) * kSlotBytes, {&piece, 1});
}

}  // namespace xylem
