#include "relay/spool/segment_format.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "relay/base/check.h"
#include "relay/spool/crc32c.h"

namespace xylem {
namespace {

static_assert(std::endian::native == std::endian::little, "the spool is little-endian, as drawn");

constexpr char kMagic[] = {'X', 'Y', 'L', 'S', 'P', 'O', 'O', 'L'};
constexpr std::uint32_t kRecordMagic = 0x52'4C'59'58;  // "XYLR"
constexpr std::uint16_t kMore = 1;
constexpr std::size_t kOrdinalDigits = 12;
constexpr std::string_view kSuffix = ".seg";

// Scalars one after the other, little-endian.
class Writer {
 public:
  explicit Writer(std::span<std::byte> out) : out_(out) {}
  template <class T>
  Writer& put(T value) {
    std::memcpy(out_.data() + at_, &value, sizeof value);
    at_ += sizeof value;
    return *this;
  }

 private:
  std::span<std::byte> out_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T get() {
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

// Behind the magic and the checksum itself.
constexpr std::size_t kChecked = 8;

std::uint32_t checksum(std::span<const std::byte> header, std::span<const std::byte> payload,
                       std::uint32_t seed) {
  return crc32c(payload, crc32c(header.subspan(kChecked, kRecordHeaderBytes - kChecked), seed));
}

}  // namespace

void write_segment_header(const SegmentHeader& header, std::span<std::byte> out) {
  std::memset(out.data(), 0, kSegmentHeaderBytes);
  std::memcpy(out.data(), kMagic, sizeof kMagic);
  Writer(out.subspan(8))
      .put(kSegmentVersion)
      .put(std::uint32_t{0})
      .put(header.ordinal)
      .put(header.epoch.value)
      .put(header.first.value)
      .put(header.created_us);
  const std::uint32_t crc = crc32c(out.first(kSegmentHeaderBytes));
  std::memcpy(out.data() + 12, &crc, sizeof crc);
}

Result<SegmentHeader> read_segment_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kSegmentHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return fail(ErrorCode::malformed, "it does not begin as a segment does");
  }
  Reader in(bytes.subspan(8));
  const auto version = in.get<std::uint32_t>();
  const auto crc = in.get<std::uint32_t>();
  std::byte copy[kSegmentHeaderBytes];
  std::memcpy(copy, bytes.data(), kSegmentHeaderBytes);
  std::memset(copy + 12, 0, sizeof crc);
  if (crc32c(copy) != crc) return fail(ErrorCode::malformed, "its header is damaged");
  if (version > kSegmentVersion) {
    return fail(ErrorCode::refused,
                fmt::format("it was written by a newer xylem (format {}; this one reads {})",
                            version, kSegmentVersion));
  }
  SegmentHeader header;
  header.ordinal = in.get<std::uint64_t>();
  header.epoch = {in.get<std::uint64_t>()};
  header.first = {in.get<std::uint64_t>()};
  header.created_us = in.get<std::int64_t>();
  return header;
}

std::uint32_t seed_of(const SegmentHeader& segment) {
  std::byte bytes[16];
  Writer(bytes).put(segment.epoch.value).put(segment.ordinal);
  return crc32c(bytes);
}

void write_record_header(const RecordHeader& header, std::span<const std::byte> payload,
                         std::uint32_t seed, std::span<std::byte> out) {
  XYLEM_CHECK(payload.size() == header.length && header.length <= kRecordBytesMax,
              "a record's length is that of its payload");
  Writer(out)
      .put(kRecordMagic)
      .put(std::uint32_t{0})
      .put(header.length)
      .put(static_cast<std::uint16_t>(header.kind))
      .put(static_cast<std::uint16_t>(header.more ? kMore : 0))
      .put(header.number.value)
      .put(header.first.value)
      .put(header.received_us)
      .put(header.source.value)
      .put(header.batch.value)
      .put(header.events)
      .put(header.age_ms);
  const std::uint32_t crc = checksum(out, payload, seed);
  std::memcpy(out.data() + 4, &crc, sizeof crc);
}

std::optional<RecordHeader> read_record_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  Reader in(bytes);
  if (in.get<std::uint32_t>() != kRecordMagic) return std::nullopt;
  in.get<std::uint32_t>();
  RecordHeader header;
  header.length = in.get<std::uint32_t>();
  const auto kind = in.get<std::uint16_t>();
  header.more = (in.get<std::uint16_t>() & kMore) != 0;
  header.number = {in.get<std::uint64_t>()};
  header.first = {in.get<std::uint64_t>()};
  header.received_us = in.get<std::int64_t>();
  header.source = {in.get<std::uint64_t>()};
  header.batch = {in.get<std::uint64_t>()};
  header.events = in.get<std::uint32_t>();
  header.age_ms = in.get<std::uint32_t>();
  const bool known = kind >= static_cast<std::uint16_t>(RecordKind::batch) &&
                     kind <= static_cast<std::uint16_t>(RecordKind::end);
  if (!known || header.length > kRecordBytesMax) return std::nullopt;
  header.kind = static_cast<RecordKind>(kind);
  return header;
}

bool record_is_sound(std::span<const std::byte> header, std::span<const std::byte> payload,
                     std::uint32_t seed) {
  std::uint32_t crc;
  std::memcpy(&crc, header.data() + 4, sizeof crc);
  return checksum(header, payload, seed) == crc;
}

std::string segment_name(std::uint64_t ordinal) {
  return fmt::format("{:0{}}{}", ordinal, kOrdinalDigits, kSuffix);
}

std::optional<std::uint64_t> segment_ordinal(std::string_view name) {
  if (!name.ends_with(kSuffix) || name.size() != kOrdinalDigits + kSuffix.size()) {
    return std::nullopt;
  }
  std::uint64_t ordinal = 0;
  const char* end = name.data() + kOrdinalDigits;
  const auto [last, failure] = std::from_chars(name.data(), end, ordinal);
  if (failure != std::errc{} || last != end) return std::nullopt;
  return ordinal;
}

std::optional<std::uint64_t> ordinal_in(std::string_view name) {
  return segment_ordinal(name.substr(0, kOrdinalDigits + kSuffix.size()));
}

}  // namespace xylem
