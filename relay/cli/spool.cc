#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/cli/progress.h"
#include "relay/spool/cursor_file.h"
#include "relay/spool/log_recovery.h"
#include "relay/spool/segment_format.h"

namespace xylem::cli {
namespace {

using Json = nlohmann::ordered_json;

struct SpoolOptions {
  std::string directory;
  bool json = false;
  std::string before;  // segment
  bool everything = false;
};

std::string time_of(std::int64_t wall_us) {
  const auto seconds = static_cast<std::time_t>(wall_us / 1'000'000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

// How far a segment's newest event is ahead of the clock, which was wrong then, or is now.
std::int64_t ahead_seconds(const SegmentReport& report) {
  if (!report.problem.empty()) return 0;
  const std::int64_t us = clipped_difference(report.facts.newest_us, SystemClock().wall_us());
  return std::max<std::int64_t>(us / 1'000'000, 0);
}

std::string state_of(const SegmentReport& report) {
  if (!report.problem.empty()) return report.problem;
  if (report.damaged_bytes != 0) return fmt::format("{} bytes damaged", report.damaged_bytes);
  std::string state = report.finished ? "sound" : "sound, not finished";
  const std::int64_t ahead = ahead_seconds(report);
  if (ahead > 60) state += fmt::format(", {} s ahead of this machine's clock", ahead);
  return state;
}

bool is_sound(const SegmentReport& report) {
  return report.problem.empty() && report.damaged_bytes == 0;
}

Json json_of(const SegmentReport& report) {
  const SegmentFacts& facts = report.facts;
  return {{"segment", segment_name(facts.ordinal)},
          {"epoch", facts.epoch.value},
          {"first", facts.first.value},
          {"end", facts.end.value},
          {"batches", report.batches},
          {"events", report.events},
          {"bytes", facts.bytes},
          {"newest", time_of(facts.newest_us)},
          {"ahead_seconds", ahead_seconds(report)},
          {"damaged_bytes", report.damaged_bytes},
          {"finished", report.finished},
          {"problem", report.problem}};
}

void print(const std::vector<SegmentReport>& reports) {
  std::printf("%-18s %-21s %-18s %12s %12s  %s\n", "segment", "newest event taken in", "epoch",
              "events", "bytes", "state");
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  for (const SegmentReport& report : reports) {
    const SegmentFacts& facts = report.facts;
    std::printf("%-18s %-21s %-18llu %12llu %12llu  %s\n", segment_name(facts.ordinal).c_str(),
                report.problem.empty() ? time_of(facts.newest_us).c_str() : "-",
                static_cast<unsigned long long>(facts.epoch.value),
                static_cast<unsigned long long>(report.events),
                static_cast<unsigned long long>(facts.bytes), state_of(report).c_str());
    events += report.events;
    bytes += facts.bytes;
  }
  std::printf("%zu segments, %llu events, %llu bytes\n", reports.size(),
              static_cast<unsigned long long>(events), static_cast<unsigned long long>(bytes));
}

// What was set aside is not the log's any more, but people want to know of it.
std::vector<std::string> set_aside(Disk& disk) {
  std::vector<std::string> found;
  for (const std::string& name : disk.list().value_or(std::vector<std::string>())) {
    if (name.find(".seg.") != std::string::npos) found.push_back(name);
  }
  return found;
}

// A spool has one from the start, before there is any segment.
bool has_epoch(Disk& disk) {
  const auto names = disk.list().value_or(std::vector<std::string>());
  return std::find(names.begin(), names.end(), "epoch") != names.end();
}

int list(const SpoolOptions& options, bool verify) {
  const auto disk = Directory::look(options.directory);
  if (!disk) return failed(disk.error().message);
  const auto reports = verify_log(**disk);
  if (!reports) return failed(reports.error().message);
  const std::vector<std::string> aside = set_aside(**disk);
  if (options.json || !is_terminal(STDOUT_FILENO)) {
    Json json{{"directory", options.directory}, {"segments", Json::array()}, {"set_aside", aside}};
    for (const SegmentReport& report : *reports) json["segments"].push_back(json_of(report));
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    print(*reports);
    for (const std::string& name : aside) std::printf("set aside: %s\n", name.c_str());
  }
  if (!verify) return kFine;
  if (reports->empty() && aside.empty() && !has_epoch(**disk)) {
    return failed(fmt::format("'{}' is no spool: there is no segment in it, and no epoch file",
                              printable(options.directory)));
  }
  for (const SegmentReport& report : *reports) {
    if (!is_sound(report)) return failed("the spool is damaged");
  }
  return kFine;
}

// A segment's number in digits, or its file's name.
std::optional<std::uint64_t> ordinal_of(const std::string& text) {
  if (const auto named = segment_ordinal(text)) return named;
  std::uint64_t ordinal = 0;
  const char* end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(text.data(), end, ordinal);
  if (failure != std::errc{} || last != end) return std::nullopt;
  return ordinal;
}

// The segments below which one are to go; the newest is not one of them, unless all are meant.
// Looks without a lock and makes nothing: a folder that is no spool is let be. Errors: usage; io.
Result<std::uint64_t> first_kept(const SpoolOptions& options) {
  XYLEM_TRY(const auto disk, Directory::look(options.directory));
  XYLEM_TRY(const auto names, disk->list());
  std::optional<std::uint64_t> newest;
  for (const std::string& name : names) {
    if (const auto ordinal = ordinal_in(name)) newest = std::max(newest.value_or(0), *ordinal);
  }
  if (!newest && !has_epoch(*disk)) {
    return fail(ErrorCode::io,
                fmt::format("there is no segment in '{}'", printable(options.directory)));
  }
  if (options.everything) return std::numeric_limits<std::uint64_t>::max();
  const auto before = ordinal_of(options.before);
  if (!before || *before == 0) {
    return fail(ErrorCode::usage,
                fmt::format("--before takes a segment's number from 1 on, or its file's name, and "
                            "'{}' is neither",
                            printable(options.before)));
  }
  if (!newest || *before > *newest) {
    const std::string others = newest ? fmt::format(
                                            "the newest is {}. To drop that one too, say "
                                            "--everything",
                                            *newest)
                                      : "the spool has none";
    return fail(ErrorCode::usage, fmt::format("there is no segment {}; {}", *before, others));
  }
  return *before;
}

// Takes the lock, so that no relay has the spool meanwhile.
int drop(const SpoolOptions& options) {
  if (!options.everything && options.before.empty()) {
    return misused("say what to drop: --before SEGMENT, or --everything");
  }
  const auto kept = first_kept(options);
  if (!kept) {
    return kept.error().code == ErrorCode::usage ? misused(kept.error().message)
                                                 : failed(kept.error().message);
  }
  const auto disk = Directory::hold(options.directory);
  if (!disk) return failed(disk.error().message);
  const auto names = (*disk)->list();
  if (!names) return failed(names.error().message);
  std::size_t dropped = 0;
  for (const std::string& name : *names) {
    const auto ordinal = ordinal_in(name);
    if (!ordinal || *ordinal >= *kept) continue;
    if (auto removed = (*disk)->remove(name); !removed) return failed(removed.error().message);
    std::fprintf(stderr, "dropped %s\n", name.c_str());
    ++dropped;
  }
  std::fprintf(stderr, "%s dropped\n", counted(dropped, "file").c_str());
  return kFine;
}

CLI::App* add_verb(CLI::App& spool, const char* name, const char* sentence,
                   const std::shared_ptr<SpoolOptions>& options) {
  CLI::App* verb = spool.add_subcommand(name, sentence);
  verb->add_option("directory", options->directory, "The relay's spool.directory")->required();
  return verb;
}

}  // namespace

void add_spool(CLI::App& app, Run& run) {
  auto options = std::make_shared<SpoolOptions>();
  CLI::App* spool =
      app.add_subcommand("spool", "Look at a relay's log on disk, or drop some of it");
  spool->require_subcommand(1);
  CLI::App* ls = add_verb(*spool, "ls", "The segments, and what is in them", options);
  ls->add_flag("--json", options->json, "JSON, as when piped");
  ls->callback([options, &run] { run = [options] { return list(*options, false); }; });
  CLI::App* verify =
      add_verb(*spool, "verify", "Check every record; exit code 1 if one is damaged", options);
  verify->add_flag("--json", options->json, "JSON, as when piped");
  verify->callback([options, &run] { run = [options] { return list(*options, true); }; });
  CLI::App* removal = add_verb(
      *spool, "drop", "Remove segments, and what was set aside of them, for good", options);
  CLI::Option* before = removal->add_option(
      "--before", options->before, "Segments below this one: its number, or its file's name");
  removal->add_flag("--everything", options->everything, "All of them")->excludes(before);
  removal->callback([options, &run] { run = [options] { return drop(*options); }; });
  spool->footer(
      "ls and verify only read, and may look at the spool of a relay that runs.\n"
      "drop wants the relay stopped; what it had not sent upstream yet is lost then.");
}

}  // namespace xylem::cli
