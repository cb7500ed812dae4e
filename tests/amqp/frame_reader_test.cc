// Goal    a broker's frames become what it said, whole, and what is too large costs nothing.
// Method  frames by hand; tests/bridge has a real broker's.

#include "relay/amqp/frame_reader.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

class FrameReaderTest : public ::testing::Test {
 protected:
  std::optional<BrokerFrame> take(const amqp_frame_t& frame) {
    auto said = reader.take(frame);
    EXPECT_TRUE(said) << said.error().message;
    return said.value_or(std::nullopt);
  }
  template <class Method>
  std::optional<BrokerFrame> method(amqp_method_number_t id, Method decoded) {
    return take(method_frame(id, decoded));
  }
  template <class Method>
  static amqp_frame_t method_frame(amqp_method_number_t id, Method& decoded) {
    amqp_frame_t frame{};
    frame.frame_type = AMQP_FRAME_METHOD;
    frame.channel = 1;
    frame.payload.method = {id, &decoded};
    return frame;
  }
  std::optional<BrokerFrame> deliver(std::uint64_t tag) {
    return method(AMQP_BASIC_DELIVER_METHOD,
                  amqp_basic_deliver_t{{}, tag, 1, {}, bytes_of("task.sent")});
  }
  std::optional<BrokerFrame> header(std::uint64_t bytes, amqp_basic_properties_t properties = {}) {
    amqp_frame_t frame{};
    frame.frame_type = AMQP_FRAME_HEADER;
    frame.payload.properties.body_size = bytes;
    frame.payload.properties.decoded = &properties;
    return take(frame);
  }
  static amqp_frame_t body_frame(std::string_view piece) {
    amqp_frame_t frame{};
    frame.frame_type = AMQP_FRAME_BODY;
    frame.payload.body_fragment = bytes_of(piece);
    return frame;
  }
  FrameReader reader{10};
};

TEST_F(FrameReaderTest, PutsAMessageTogether) {
  EXPECT_FALSE(deliver(7));
  amqp_table_entry_t compression{};
  compression.key = bytes_of("compression");
  compression.value.kind = AMQP_FIELD_KIND_UTF8;
  compression.value.value.bytes = bytes_of("application/x-gzip");
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG;
  properties.content_type = bytes_of("application/json");
  properties.headers = {1, &compression};
  EXPECT_FALSE(header(5, properties));
  EXPECT_FALSE(take(body_frame("ab")));
  const auto said = take(body_frame("cde"));
  ASSERT_TRUE(said);
  const auto& delivery = std::get<Delivery>(*said);
  EXPECT_EQ(delivery.tag, 7u);
  EXPECT_TRUE(delivery.redelivered);
  EXPECT_EQ(delivery.routing_key, "task.sent");
  EXPECT_EQ(delivery.content_type, "application/json");
  EXPECT_EQ(delivery.compression, "application/x-gzip");
  EXPECT_EQ(delivery.body, "abcde");
}

TEST_F(FrameReaderTest, TakesAnEmptyMessage) {
  EXPECT_FALSE(deliver(1));
  EXPECT_TRUE(header(0));
}

TEST_F(FrameReaderTest, KeepsNothingOfWhatIsTooLarge) {
  EXPECT_FALSE(deliver(1));
  EXPECT_FALSE(header(std::uint64_t{1} << 40));
  EXPECT_FALSE(deliver(2)) << "another may begin";
  EXPECT_FALSE(header(11));
  EXPECT_FALSE(take(body_frame("0123456789")));
  const auto said = take(body_frame("x"));
  ASSERT_TRUE(said);
  EXPECT_TRUE(std::get<Delivery>(*said).too_large);
  EXPECT_EQ(std::get<Delivery>(*said).body, "");
}

TEST_F(FrameReaderTest, SaysWhatABrokerSaysBetweenTheFramesOfAMessage) {
  EXPECT_FALSE(deliver(1));
  EXPECT_FALSE(header(2));
  const auto blocked =
      method(AMQP_CONNECTION_BLOCKED_METHOD, amqp_connection_blocked_t{bytes_of("low on memory")});
  EXPECT_EQ(std::get<Blocked>(blocked.value()).why, "low on memory");
  EXPECT_TRUE(take(body_frame("ab")));
  EXPECT_TRUE(std::holds_alternative<Unblocked>(
      method(AMQP_CONNECTION_UNBLOCKED_METHOD, amqp_connection_unblocked_t{}).value()));
}

TEST_F(FrameReaderTest, ReadsConfirms) {
  const auto ack = std::get<Confirm>(method(AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t{9, 1}).value());
  EXPECT_EQ(ack.tag, 9u);
  EXPECT_TRUE(ack.multiple && ack.acked);
  const auto nack =
      std::get<Confirm>(method(AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t{3, 0, 0}).value());
  EXPECT_EQ(nack.tag, 3u);
  EXPECT_FALSE(nack.multiple || nack.acked);
  EXPECT_TRUE(std::holds_alternative<Cancelled>(
      method(AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t{}).value()));
}

TEST_F(FrameReaderTest, ReadsWhatCameBack) {
  EXPECT_FALSE(
      method(AMQP_BASIC_RETURN_METHOD, amqp_basic_return_t{312, bytes_of("NO_ROUTE"), {}, {}}));
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_MESSAGE_ID_FLAG;
  properties.message_id = bytes_of("1:5");
  EXPECT_FALSE(header(3, properties));
  const auto said = take(body_frame("abc"));
  EXPECT_EQ(std::get<Returned>(said.value()).why, "312 NO_ROUTE");
  EXPECT_EQ(std::get<Returned>(said.value()).message_id, "1:5");
}

TEST_F(FrameReaderTest, SaysWhyTheBrokerClosed) {
  amqp_channel_close_t close{404, bytes_of("NOT_FOUND - no exchange 'x'"), 0, 0};
  const auto said = reader.take(method_frame(AMQP_CHANNEL_CLOSE_METHOD, close));
  EXPECT_EQ(said.error().message, "the broker closed the channel: 404 NOT_FOUND - no exchange 'x'");
  amqp_connection_close_t end{320, bytes_of("CONNECTION_FORCED"), 0, 0};
  EXPECT_EQ(reader.take(method_frame(AMQP_CONNECTION_CLOSE_METHOD, end)).error().code,
            ErrorCode::refused);
}

TEST_F(FrameReaderTest, RefusesPiecesOfNoMessage) {
  EXPECT_FALSE(reader.take(body_frame("a")));
  EXPECT_FALSE(deliver(1));
  EXPECT_FALSE(header(2));
  EXPECT_FALSE(reader.take(body_frame("abc"))) << "more than was announced";
}

}  // namespace
}  // namespace xylem
