#include "relay/amqp/message_content.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

Content content(std::string type, std::string encoding = "utf-8", std::string compression = "",
                bool msgpack = false) {
  Delivery delivery;
  delivery.content_type = std::move(type);
  delivery.content_encoding = std::move(encoding);
  delivery.compression = std::move(compression);
  return content_of(delivery, msgpack);
}

TEST(MessageContent, IsJsonInAnyWayToSaySo) {
  for (const char* type :
       {"application/json", "Application/JSON", " application/json ; charset=utf-8",
        "application/json;charset=\"UTF-8\"", "application/json; v=1; Charset = utf8",
        "application/json;", "application/json; charset=us-ascii"}) {
    EXPECT_EQ(content(type).why_not, "") << type;
    EXPECT_FALSE(content(type).is_msgpack);
  }
  for (const char* encoding : {"", "utf-8", "UTF-8", "utf8", "us-ascii", "binary"}) {
    EXPECT_EQ(content("application/json", encoding).why_not, "") << encoding;
  }
}

TEST(MessageContent, SaysWhatItIsThatIsNotRead) {
  EXPECT_EQ(content("application/json", "gzip").why_not,
            "its content_encoding is 'gzip', not utf-8");
  EXPECT_EQ(content("application/json", "latin-1").why_not,
            "its content_encoding is 'latin-1', not utf-8");
  EXPECT_EQ(content("application/json; charset=ISO-8859-1").why_not,
            "its charset is 'iso-8859-1', not utf-8");
  EXPECT_EQ(content("application/json", "utf-8", "application/x-gzip").why_not,
            "compressed as 'application/x-gzip'");
  EXPECT_EQ(content("application/x-python-serialize", "binary").why_not,
            "its content_type is 'application/x-python-serialize', not application/json");
  EXPECT_EQ(content("").why_not, "its content_type is '', not application/json");
  EXPECT_EQ(content("application/jsonp").why_not,
            "its content_type is 'application/jsonp', not application/json");
}

TEST(MessageContent, IsMessagePackIfThatIsWanted) {
  EXPECT_EQ(content("application/x-msgpack", "binary").why_not,
            "MessagePack is taken with amqp_source.msgpack = true");
  EXPECT_TRUE(content("application/x-msgpack", "binary", "", true).is_msgpack);
  EXPECT_EQ(content("application/x-msgpack", "binary", "", true).why_not, "");
  EXPECT_EQ(content("application/x-msgpack", "gzip", "", true).why_not,
            "its content_encoding is 'gzip', not binary");
}

}  // namespace
}  // namespace xylem
