#include "relay/spool/source_records.h"

#include <algorithm>
#include <cstring>

namespace xylem {
namespace {
constexpr std::size_t kEntryBytes = 16;  // source, number
}

std::vector<std::byte> write_sources(const std::map<std::uint64_t, BatchNumber>& sources) {
  std::vector<std::byte> bytes(sources.size() * kEntryBytes);
  std::byte* at = bytes.data();
  for (const auto& [source, newest] : sources) {
    std::memcpy(at, &source, sizeof source);
    std::memcpy(at + 8, &newest.value, sizeof newest.value);
    at += kEntryBytes;
  }
  return bytes;
}

void read_sources(const SegmentReader::Record& record,
                  std::map<std::uint64_t, BatchNumber>& sources) {
  for (std::size_t at = 0; at + kEntryBytes <= record.header.length; at += kEntryBytes) {
    std::uint64_t source = 0;
    BatchNumber newest;
    std::memcpy(&source, record.payload.begin() + at, sizeof source);
    std::memcpy(&newest.value, record.payload.begin() + at + 8, sizeof newest.value);
    sources[source] = std::max(sources[source], newest);
  }
}

void note_source(const RecordHeader& record, std::map<std::uint64_t, BatchNumber>& sources) {
  BatchNumber& newest = sources[record.source.value];
  newest = std::max(newest, record.batch);
}

}  // namespace xylem
