// Goal    CeleryJson and Python's json agree on which texts are events, and on their types and
// times. Method  tests/fixtures/celery_json.txt holds one text a line with what Python made of it;
//         tests/fixtures/make_celery_json.py wrote it, and is not needed to read it.

#include <gtest/gtest.h>

#include <fstream>

#include "relay/codec/celery_json.h"
#include "tests/doubles/places.h"
#include "tests/doubles/scanned_json.h"

namespace xylem {
namespace {

// "task-sent@1700000000123457 !@0": each event's type and time in microseconds.
std::string told(const testing::ScannedJson& scan) {
  if (!scan.accepted()) return "refused";
  std::string text;
  for (const JsonEvent& event : scan.scan().events) {
    if (!text.empty()) text += ' ';
    text +=
        event.accepted ? std::string(event.type) + "@" + std::to_string(event.timestamp_us) : "!";
  }
  return (scan.scan().is_list ? "[" : "") + text + (scan.scan().is_list ? "]" : "");
}

TEST(CeleryJsonFixture, AgreesWithPython) {
  std::ifstream fixture(fixtures_folder() + "/celery_json.txt");
  testing::ScannedJson scan;
  int taken = 0;
  int refused = 0;
  for (std::string expected, text;
       std::getline(fixture, expected) && std::getline(fixture, text);) {
    scan.read(text);
    EXPECT_EQ(told(scan), expected) << text;
    ++(scan.accepted() ? taken : refused);
  }
  EXPECT_GT(taken, 300) << "the premise: the fixture was found and is not all of one kind";
  EXPECT_GT(refused, 300);
}

TEST(CeleryJsonFixture, TakesTheMessagesOfOldAndNewCelery) {
  std::ifstream fixture(fixtures_folder() + "/celery_messages.txt");
  testing::ScannedJson scan;
  int messages = 0;
  for (std::string line; std::getline(fixture, line);) {
    if (line.empty() || line.front() == '#') continue;
    scan.read(line);
    ASSERT_TRUE(scan.accepted()) << line;
    ++messages;
    for (std::size_t i = 0; i < scan.scan().events.size(); ++i) {
      EXPECT_TRUE(scan.event(i).accepted) << scan.body(i);
      EXPECT_NE(scan.event(i).timestamp_us, 0) << scan.body(i);
    }
  }
  EXPECT_GE(messages, 15);
}

}  // namespace
}  // namespace xylem
