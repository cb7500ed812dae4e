#include "relay/spool/spool.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/base/log.h"
#include "relay/spool/cursor_file.h"

namespace xylem {
namespace {
constexpr const char* kEpochName = "epoch";
}

Result<std::unique_ptr<Spool>> Spool::open(const std::string& directory,
                                           const LogWriter::Options& options,
                                           const StopAsked& stop_asked) {
  XYLEM_TRY(std::unique_ptr<Directory> held, Directory::hold(directory));
  return open(std::unique_ptr<Disk>(std::move(held)), options, stop_asked);
}

Result<std::unique_ptr<Spool>> Spool::open(std::unique_ptr<Disk> disk,
                                           const LogWriter::Options& options,
                                           const StopAsked& stop_asked) {
  XYLEM_TRY(const Disk::Room room, disk->room());
  if (room.total_bytes != 0 && options.bytes_max > room.total_bytes) {
    return fail(ErrorCode::refused,
                fmt::format("a quota of {} bytes is more than the whole volume has, {}",
                            options.bytes_max, room.total_bytes));
  }
  std::unique_ptr<Spool> made(new Spool(std::move(disk), options));
  XYLEM_TRY(made->recovered_, recover_log(*made->disk_, stop_asked));
  made->catalog_.reset(made->recovered_.segments);
  for (const RecoveredLog::SetAside& aside : made->recovered_.set_aside) {
    XYLEM_LOG(warning, "spool set aside {}: {}", aside.name, aside.why);
  }
  if (made->recovered_.damaged_bytes != 0) {
    XYLEM_LOG(warning, "spool has {} bytes whose checksums do not hold; they are passed over",
              made->recovered_.damaged_bytes);
  }
  return made;
}

std::int64_t Spool::newest_us() const {
  std::int64_t newest_us = 0;
  for (const SegmentFacts& segment : recovered_.segments) {
    newest_us = std::max(newest_us, segment.newest_us);
  }
  return newest_us;
}

Result<Epoch> Spool::begin_epoch(std::int64_t wall_us) {
  XYLEM_TRY(CursorFile file, CursorFile::open(*disk_, kEpochName));
  Epoch newest = recovered_.newest_epoch;
  if (file.found()) newest = std::max(newest, file.found()->position.epoch);
  const Epoch epoch{std::max(static_cast<std::uint64_t>(wall_us), newest.value + 1)};
  Result<void> done = file.save({.source = {}, .number = {}, .position = {epoch, {}}});
  if (done) done = file.sync();
  if (done) done = disk_->sync();
  if (!done) return tl::unexpected(done.error());
  return epoch;
}

}  // namespace xylem
