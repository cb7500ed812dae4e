#include "relay/node/option_table.h"

#include <gtest/gtest.h>

#include <set>

namespace xylem {
namespace {

TEST(OptionTable, HasEveryKeyOnce) {
  std::set<std::string_view> keys;
  for (const OptionRow& row : option_table()) EXPECT_TRUE(keys.insert(row.key).second) << row.key;
}

TEST(OptionTable, PrintsWhatItCanRead) {
  const Config defaults;
  for (const OptionRow& row : option_table()) {
    Config other;
    std::string text = row.toml(defaults);
    OptionValue value{{}, text.front() == '['};
    if (text.front() == '[') text = text.substr(1, text.size() - 2);
    if (text.front() == '"') text = text.substr(1, text.size() - 2);
    if (!value.is_list || !text.empty()) value.texts = {text};  // no default has two
    const auto set = row.set(other, value);
    EXPECT_TRUE(set) << row.key << ": " << set.error().message;
    EXPECT_EQ(row.toml(other), row.toml(defaults)) << row.key;
  }
}

TEST(OptionTable, ExplainsEveryOptionInASentence) {
  for (const OptionRow& row : option_table()) {
    EXPECT_TRUE(row.sentence.ends_with('.')) << row.key;
    EXPECT_NE(row.kind, "") << row.key;
  }
}

TEST(OptionTable, NamesTheVariableOfAKey) {
  EXPECT_EQ(environment_name("push.listen"), "XYLEM_PUSH_LISTEN");
}

TEST(OptionTable, GuessesWhatWasMeant) {
  EXPECT_EQ(nearest_option("push.lissten"), "push.listen");
  EXPECT_EQ(nearest_option("something.else.entirely"), "");
}

TEST(OptionTable, ReadsAModeAsChmodDoes) {
  Config config;
  ASSERT_TRUE(find_option("ipc.mode")->set(config, {{"0660"}, false}));
  EXPECT_EQ(config.ipc.mode, 0660u);
  EXPECT_EQ(find_option("ipc.mode")->toml(config), "\"0660\"");
}

TEST(OptionTable, RefusesWhatIsOutOfBounds) {
  Config config;
  EXPECT_FALSE(find_option("push.receive_hwm")->set(config, {{"0"}, false}));
  EXPECT_FALSE(find_option("push.event_bytes_max")->set(config, {{"1GiB"}, false}));
  EXPECT_FALSE(find_option("stream.heartbeat")->set(config, {{"-1s"}, false}));
  EXPECT_FALSE(find_option("stream.heartbeat")->set(config, {{"1s", "2s"}, true}));
  EXPECT_FALSE(find_option("ipc.mode")->set(config, {{"0999"}, false}));
  EXPECT_FALSE(find_option("ipc.mode")->set(config, {{"432"}, false})) << "0o660 as a number";
  EXPECT_FALSE(find_option("ipc.group")->set(config, {{"no such group"}, false}));
  EXPECT_FALSE(find_option("publish.overflow")->set(config, {{"drop_oldest"}, false}));
}

}  // namespace
}  // namespace xylem
