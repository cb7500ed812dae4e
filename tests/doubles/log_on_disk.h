#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "relay/spool/log_writer.h"
#include "relay/spool/spool.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/sockets.h"

namespace xylem::testing {

// A log in a directory of its own, with small segments, that a test writes, ends, damages and opens
// again:
//
//   log.open();  log.append(3);  log.append(2);  log.kill();  log.open();
//   log.read() == "7:1-3 7:4-5 "
class LogOnDisk {
 public:
  LogWriter::Options options{.bytes_max = 1 << 20,
                             .segment_bytes = 4 << 10,
                             .age_max = std::chrono::hours(1),
                             .overflow = SpoolOverflow::drop_oldest};

  void open() {
    spool = Spool::open(folder.path(), options).value();
    epoch = {spool->recovered().newest_epoch.value + 1};
    next = 1;
    writer.emplace(options, spool->disk(), spool->catalog(), spool->recovered(), RecordNumber{});
  }
  // As SIGKILL does: what was written stays.
  void kill() {
    writer.reset();
    spool.reset();
  }
  void finish() {
    EXPECT_TRUE(writer->finish());
    kill();
  }
  BatchRef made(std::size_t events, BatchOrigin origin = {}) {
    auto batch = batch_of("task.sent", events, 40);
    batch->stamp(epoch, {next}, now_us);
    batch->set_origin(origin);
    next += events;
    return BatchRef(std::move(batch));
  }
  LogWriter::Outcome append(std::size_t events, BatchOrigin origin = {}) {
    const BatchRef batch = made(events, origin);
    return writer->append({&batch, 1}, now_us);
  }
  // Until so many segments were begun in all.
  void fill(std::size_t segments) {
    while (spool->catalog().segments().size() < segments) {
      ASSERT_EQ(append(5), LogWriter::Outcome::written);
    }
  }
  static std::string said(const Batch& batch) {
    return std::to_string(batch.epoch().value) + ":" +
           std::to_string(batch.first_sequence().value) + "-" +
           std::to_string(batch.first_sequence().value + batch.size() - 1) + " ";
  }
  std::string read(Epoch from = {}, Sequence sequence = {}) {
    const auto reader = spool->reader();
    reader->seek(from, sequence);
    std::string told;
    while (const BatchRef batch = reader->read()) told += said(*batch);
    return told;
  }
  [[nodiscard]] std::string path(std::uint64_t ordinal) const {
    return folder.path() + "/" + segment_name(ordinal);
  }
  void flip(std::uint64_t ordinal, std::uint64_t at) const {
    std::fstream file(path(ordinal), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  void cut(std::uint64_t ordinal, std::uint64_t to) const {
    std::filesystem::resize_file(path(ordinal), to);
  }
  [[nodiscard]] std::uint64_t size(std::uint64_t ordinal) const {
    return std::filesystem::file_size(path(ordinal));
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      all.push_back(entry.path().filename().string());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  TempDir folder;
  std::unique_ptr<Spool> spool;
  std::optional<LogWriter> writer;
  Epoch epoch;
  std::uint64_t next = 1;
  std::int64_t now_us = 1'000'000;
};

}  // namespace xylem::testing
