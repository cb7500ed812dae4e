#include "relay/zmtp/message_reader.h"

#include <gtest/gtest.h>

#include "tests/zmtp/wire.h"

namespace xylem::zmtp {
namespace {

using testing::octets_of;
using testing::text_of;
using testing::wire;
using NeedsMore = MessageReader::NeedsMore;
using Message = MessageReader::Message;

class Reader : public ::testing::Test {
 protected:
  // Reads what stands in `in_` behind what was taken.
  MessageReader::Step next() {
    const auto step = reader_.next(octets_of(in_));
    if (const auto* message = std::get_if<Message>(&step.what)) {
      frames_.clear();
      for (const auto& frame : message->frames) frames_.push_back(text_of(frame));
    }
    in_.erase(0, step.taken);
    return step;
  }
  void expect_violation(Violation why) {
    const auto step = next();
    ASSERT_TRUE(std::holds_alternative<Violation>(step.what));
    EXPECT_EQ(name_of(std::get<Violation>(step.what)), name_of(why));
  }

  MessageReader reader_{{.message_bytes_max = 100, .frames_max = 3, .command_bytes_max = 50}};
  std::string in_;
  std::vector<std::string> frames_;
};

TEST_F(Reader, FindsMessagesOneBehindTheOther) {
  in_ = wire("01 01 \"k\" 00 02 \"v1\" 00 00");
  EXPECT_TRUE(std::holds_alternative<Message>(next().what));
  EXPECT_EQ(frames_, (std::vector<std::string>{"k", "v1"}));
  EXPECT_TRUE(std::holds_alternative<Message>(next().what));
  EXPECT_EQ(frames_, (std::vector<std::string>{""}));
  EXPECT_TRUE(in_.empty());
}

TEST_F(Reader, TakesNothingUntilAMessageIsWholeAndSaysWhatItNeeds) {
  const std::string whole = wire("01 01 \"k\" 00 02 \"v1\"");
  for (const char octet : whole.substr(0, whole.size() - 1)) {
    in_ += octet;
    const auto step = next();
    ASSERT_TRUE(std::holds_alternative<NeedsMore>(step.what));
    EXPECT_EQ(step.taken, 0u);
    const std::size_t needed = std::get<NeedsMore>(step.what).bytes;
    EXPECT_GT(needed, in_.size());
    EXPECT_LE(needed, whole.size());
  }
  in_ += whole.back();
  EXPECT_TRUE(std::holds_alternative<Message>(next().what));
  EXPECT_EQ(frames_, (std::vector<std::string>{"k", "v1"}));
}

// libzmq's timer sends a PING between any two frames.
TEST_F(Reader, TakesACommandInsideAMessage) {
  in_ = wire("01 01 \"k\" 04 07 04 \"PING\" 00 00");
  const auto step = next();
  ASSERT_TRUE(std::holds_alternative<Command>(step.what));
  EXPECT_TRUE(std::holds_alternative<Ping>(std::get<Command>(step.what)));
  EXPECT_EQ(step.taken, 0u);
  EXPECT_TRUE(reader_.is_inside_message());
  EXPECT_TRUE(std::holds_alternative<NeedsMore>(next().what)) << "told once";
  in_ += wire("00 01 \"v\"");
  EXPECT_TRUE(std::holds_alternative<Message>(next().what));
  EXPECT_EQ(frames_, (std::vector<std::string>{"k", "v"}));
  EXPECT_TRUE(in_.empty());
}

TEST_F(Reader, RefusesAFrameByWhatItAnnounces) {
  in_ = wire("02 00 00 00 00 00 00 00 65");
  expect_violation(Violation::frame_too_large);
}

TEST_F(Reader, TakesAMessageAtItsLimitsAndNoneAbove) {
  const std::string fifty = wire("01 32") + std::string(50, 'x');
  in_ = fifty + wire("01 31") + std::string(49, 'x') + wire("00 01 \"x\"");
  EXPECT_TRUE(std::holds_alternative<Message>(next().what));
  in_ = fifty + wire("00 33");
  expect_violation(Violation::message_too_large);
}

TEST_F(Reader, RefusesMessagesWithoutEnd) {
  in_ = wire("01 00 01 00 01 00 01 00");
  expect_violation(Violation::too_many_frames);
}

TEST_F(Reader, RefusesALargeCommandByWhatItAnnounces) {
  in_ = wire("04 33");
  expect_violation(Violation::frame_too_large);
}

TEST_F(Reader, RefusesCommandsWithoutEndInsideAMessage) {
  in_ = wire("01 00");
  static_cast<void>(next());
  std::size_t pings = 0;
  for (; pings < 20'000; ++pings) {
    in_ += wire("04 07 04 \"PING\" 00 00");
    if (std::holds_alternative<Violation>(next().what)) break;
  }
  EXPECT_LT(in_.size(), std::size_t{66} << 10);
  EXPECT_LT(pings, 20'000u);
}

}  // namespace
}  // namespace xylem::zmtp
