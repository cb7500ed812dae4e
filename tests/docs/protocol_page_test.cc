// Goal    docs/protocol.md cannot lie: its worked examples are what the code accepts, and mean to
// it
//         what the page says.
// Method  JSON examples are taken from the page itself; frames are fixtures that flatc wrote.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "relay/codec/batch_codec.h"
#include "relay/codec/control_codec.h"
#include "relay/codec/shaped_batch.h"
#include "relay/ingest/admission.h"
#include "tests/doubles/places.h"

namespace xylem {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string fixture(const std::string& name) {
  return contents(fixtures_folder() + "/protocol/" + name);
}

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// The indented lines that follow "`fixture NAME`" on the page.
std::vector<std::string> example(const std::string& name) {
  std::istringstream page(contents(docs_folder() + "/protocol.md"));
  std::vector<std::string> lines;
  bool found = false;
  for (std::string line; std::getline(page, line);) {
    if (line.find("`fixture " + name + "`") != std::string::npos) {
      found = true;
    } else if (found && line.starts_with("    ")) {
      lines.push_back(line.substr(4));
    } else if (!lines.empty()) {
      break;
    }
  }
  EXPECT_EQ(lines.size(), 2u) << name << " is a key frame and a body frame";
  lines.resize(2);
  return lines;
}

// What a push of these frames becomes: "key body" for each event.
class Pushed final : Admission::Refused, Admission::Outlet {
 public:
  explicit Pushed(const std::vector<std::string>& frames) : admission_({}, *this, *this) {
    admission_.admit_json(frames[0], frames[1]);
    admission_.flush();
  }
  std::vector<std::string> events;

 private:
  void on_refused(Refusal why, std::string_view, std::size_t) override {
    ADD_FAILURE() << name_of(why);
  }
  void on_batch(std::unique_ptr<Batch> batch) override {
    if (batch->is_shaped()) batch = expand(*batch);
    for (const EventEntry& entry : batch->entries()) {
      events.push_back(std::string(batch->key_of(entry)) + " " +
                       std::string(batch->body_of(entry)));
    }
  }
  Admission admission_;
};

TEST(ProtocolPage, ASingleEventIsTakenAsItIsDrawn) {
  const auto frames = example("push_single");
  EXPECT_EQ(Pushed(frames).events, (std::vector<std::string>{"task.succeeded " + frames[1]}));
}

TEST(ProtocolPage, AListIsSplitByEachEventsOwnType) {
  EXPECT_EQ(
      Pushed(example("push_list")).events,
      (std::vector<std::string>{
          R"(task.received {"type": "task-received", "uuid": "a1", "big": 1180591620717411303424})",
          R"(task.started {"type": "task-started", "uuid": "a1"})"}));
}

TEST(ProtocolPage, TheBatchFixtureHoldsTheTwoEventsThatThePageNames) {
  const std::string frame = fixture("batch_two_events.xyb1");
  const auto batch = read_batch(bytes(frame), SourceLimits{});
  ASSERT_TRUE(batch) << name_of(batch.error());
  ASSERT_EQ((*batch)->size(), 2u);
  const auto entries = (*batch)->entries();
  EXPECT_EQ((*batch)->key_of(entries[0]), "task.received");
  EXPECT_EQ((*batch)->body_of(entries[0]), R"({"type":"task-received","uuid":"a1"})");
  EXPECT_EQ((*batch)->key_of(entries[1]), "task.failed");
  EXPECT_EQ((*batch)->body_of(entries[1]), R"({"type":"task-failed","uuid":"a1"})");
  EXPECT_EQ((*batch)->epoch(), Epoch{7});
  EXPECT_EQ((*batch)->sequence_of(entries[1]), Sequence{41});
}

TEST(ProtocolPage, TheShapedBodiesAreTheEventsBelowThem) {
  const auto lines = example("shaped");
  std::string bodies;
  std::vector<EventEntry> entries;
  std::istringstream hex(lines[0]);
  for (std::string word; hex >> word;) {
    if (entries.empty() || word == "|") {
      const auto number = static_cast<std::uint32_t>(entries.size());
      entries.push_back({0, static_cast<std::uint32_t>(bodies.size()), 0, number, 0, 1});
    }
    if (word == "|") continue;
    bodies += static_cast<char>(std::stoi(word, nullptr, 16));
    ++entries.back().length;
  }
  const std::string_view keys[] = {"t.u"};
  const std::string_view shapes[] = {"{\"uuid\": \"\x01\", \"n\": \x02, \"type\": \"t-u\"}"};
  const auto batch = write_batch({keys, entries, bodies, shapes});
  EXPECT_EQ(ShapeCheck(SourceLimits{}).refusal_of(*batch), std::nullopt);
  const auto json = expand(*batch);
  ASSERT_NE(json, nullptr);
  std::string events;
  for (const EventEntry& entry : json->entries()) {
    if (!events.empty()) events += " | ";
    events += json->body_of(entry);
  }
  EXPECT_EQ(events, lines[1]);
}

TEST(ProtocolPage, TheHelloFixtureAsksForWhatThePageSays) {
  const auto control = read_control(bytes(fixture("control_hello.xyc1")));
  ASSERT_TRUE(control) << control.error().message;
  const auto& hello = std::get<Hello>(*control);
  EXPECT_EQ(hello.protocol, 1);
  EXPECT_EQ(hello.name, "example");
  EXPECT_EQ(hello.patterns, (std::vector<std::string>{"task.*", "worker.#"}));
  EXPECT_EQ(hello.overflow, Overflow::drop_newest);
  EXPECT_EQ(hello.tap_bytes_max, 1u << 20);
  EXPECT_EQ(hello.tap_events_max, 1000u);
  EXPECT_EQ(hello.credit_bytes, 65'536u);
}

TEST(ProtocolPage, TheGapFixtureIsTheGapThatIsDrawn) {
  const auto control = read_control(bytes(fixture("control_gap.xyc1")));
  ASSERT_TRUE(control) << control.error().message;
  const auto& gap = std::get<Gap>(*control);
  EXPECT_EQ(gap.epoch, Epoch{7});
  EXPECT_EQ(gap.first, Sequence{91});
  EXPECT_EQ(gap.last, Sequence{140});
  EXPECT_EQ(gap.count, 12u);
  EXPECT_EQ(gap.reason, GapReason::overflow);
}

TEST(ProtocolPage, TheSourceHelloFixtureIsTheOneThatIsDrawn) {
  const auto control = read_control(bytes(fixture("acked_hello.xyc1")));
  ASSERT_TRUE(control) << control.error().message;
  const auto& hello = std::get<SourceHello>(*control);
  EXPECT_EQ(hello.protocol, 1);
  EXPECT_EQ(hello.name, "example");
  EXPECT_EQ(hello.source, SourceId{95});
  EXPECT_EQ(hello.first_unacked, BatchNumber{1});
  EXPECT_EQ(hello.level, AckLevel::written);
}

}  // namespace
}  // namespace xylem
