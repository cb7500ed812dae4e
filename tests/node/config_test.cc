#include "relay/node/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "relay/node/option_table.h"

namespace xylem {
namespace {

// A configuration from a file's text, assignments and variables; what is wrong comes back as text.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::string form = (std::filesystem::temp_directory_path() / "xylem-config-XXXXXX").string();
    folder_ = ::mkdtemp(form.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  tl::expected<Config, std::vector<Problem>> load(const std::string& toml) {
    sources_.file = folder_ + "/relay.toml";
    std::ofstream(sources_.file) << toml;
    return load_config(sources_);
  }
  std::string problems_of(const std::string& toml) {
    const auto config = load(toml);
    std::string text = config ? "" : text_of(config.error());
    for (std::size_t at; (at = text.find(folder_ + "/")) != std::string::npos;) {
      text.erase(at, folder_.size() + 1);
    }
    return text;
  }
  std::string folder_;
  ConfigSources sources_;
};

TEST_F(ConfigTest, NeedsNoFile) {
  const auto config = load_config({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->push.listen.front().text(), "tcp://127.0.0.1:7600");
}

TEST_F(ConfigTest, TakesEveryKindOfValue) {
  const auto config = load(
      "[push]\nlisten = ['tcp://127.0.0.1:1', 'ipc:///tmp/x']\nmessage_bytes_max = '2MiB'\n"
      "[publish]\nlisten = 'off'\noverflow = 'block'\n[stream]\nidle_timeout = '250ms'\nheartbeat "
      "= '100ms'\n"
      "subscribers_max = 7\n[log]\nlevel = 'warning'\n");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->push.listen.size(), 2u);
  EXPECT_EQ(config->push.admission.limits.message_bytes_max, 2u << 20);
  EXPECT_TRUE(config->publish.listen.empty());
  EXPECT_TRUE(config->publish.block);
  EXPECT_EQ(config->stream.limits.idle_timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(config->stream.shares.subscribers_max, 7u);
  EXPECT_EQ(config->log_level, LogLevel::warning);
}

TEST_F(ConfigTest, ReportsEveryProblemAtOnceWithItsLine) {
  EXPECT_EQ(
      problems_of("[push]\nlissen = 'x'\n[stream]\nheartbeat = 5\nsubscribers_max = 'many'\n"),
      "relay.toml:2: 'push.lissen' is not an option; did you mean 'push.listen'?\n"
      "relay.toml:4: stream.heartbeat: '5' is not a duration; write \"250ms\", \"5s\", \"2m\" or "
      "\"1h\"\n"
      "relay.toml:5: stream.subscribers_max: 'many' is not a whole number\n");
}

TEST_F(ConfigTest, SaysWhereTomlIsBroken) {
  EXPECT_TRUE(problems_of("[push]\nlisten = \n").starts_with("relay.toml:2: "))
      << problems_of("[push]\nlisten = \n");
}

TEST_F(ConfigTest, SaysWhenTheFileCannotBeRead) {
  sources_.file = folder_ + "/absent.toml";
  const auto config = load_config(sources_);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().front().what, "cannot be read");
}

TEST_F(ConfigTest, LetsTheEnvironmentOverrideTheFileAndTheCommandLineBoth) {
  sources_.environment = {"XYLEM_STREAM_SUBSCRIBERS_MAX=2", "XYLEM_PUBLISH_SEND_HWM=20",
                          "XYLEM_PUSH=tcp://x:1"};
  sources_.assignments = {"stream.subscribers_max=3"};
  const auto config = load("[stream]\nsubscribers_max = 1\n[publish]\nsend_hwm = 10\n");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->stream.shares.subscribers_max, 3u);
  EXPECT_EQ(config->publish.send_hwm, 20);
}

TEST_F(ConfigTest, TakesListsOnTheCommandLine) {
  sources_.assignments = {"push.listen=[tcp://127.0.0.1:1, ipc:///tmp/x]"};
  const auto config = load("");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->push.listen.size(), 2u);
}

TEST_F(ConfigTest, RefusesToListenBeyondThisMachineUnlessToldTo) {
  EXPECT_NE(problems_of("[push]\nlisten = 'tcp://0.0.0.0:7600'\n").find("--insecure"),
            std::string::npos);
  sources_.insecure = true;
  EXPECT_TRUE(load("[push]\nlisten = 'tcp://0.0.0.0:7600'\n"));
}

TEST_F(ConfigTest, RefusesAnUpstreamThatIsItselfOrThereTwice) {
  EXPECT_NE(problems_of("[spool]\ndirectory = '/nowhere'\n[acked]\nlisten = 'tcp://127.0.0.1:7'\n"
                        "[upstream]\nconnect = 'tcp://127.0.0.1:7'\n")
                .find("is this relay's own acked.listen"),
            std::string::npos);
  EXPECT_NE(problems_of("[spool]\ndirectory = '/nowhere'\n"
                        "[upstream]\nconnect = ['ipc:///a', 'ipc:///b', 'ipc:///a']\n")
                .find("ipc:///a is there twice"),
            std::string::npos);
}

TEST_F(ConfigTest, NamesFilesThatAreNotThere) {
  const std::string said =
      problems_of("[amqp]\nca_file = '/nowhere/ca'\n[spool]\ndirectory = '/dev/null'\n");
  EXPECT_NE(said.find("amqp.ca_file: /nowhere/ca cannot be read: No such file"), std::string::npos)
      << said;
  EXPECT_NE(said.find("spool.directory: /dev/null is not a folder"), std::string::npos) << said;
}

TEST_F(ConfigTest, ListensByNameAndSaysSoStill) {
  const auto config = load("[push]\nlisten = 'tcp://localhost:0'\n");
  ASSERT_TRUE(config) << text_of(config.error());
  EXPECT_EQ(config->push.listen.front().text(), "tcp://localhost:0");
  EXPECT_TRUE(config->push.listen.front().is_looked_up()) << "not on a thread of events";
}

TEST_F(ConfigTest, RefusesImpossibleCombinations) {
  EXPECT_NE(problems_of("[push]\nlisten = 'off'\n[acked]\nlisten = 'off'\n")
                .find("no event could ever come in"),
            std::string::npos);
  EXPECT_NE(problems_of("[push]\nlisten = 'tcp://127.0.0.1:7603'\n").find("already taken by"),
            std::string::npos);
  EXPECT_NE(problems_of("[http]\nlisten = 'tcp://127.0.0.1:1'\n").find("is not an http:// address"),
            std::string::npos);
  EXPECT_NE(problems_of("[push]\nevent_bytes_max = '2MiB'\n").find("below push.message_bytes_max"),
            std::string::npos);
}

TEST_F(ConfigTest, HoldsTheBridgesAgainstTheRest) {
  EXPECT_NE(problems_of("[amqp_source]\nexchange = 'celeryev'\n").find("set amqp.url"),
            std::string::npos);
  const std::string sink = "[amqp]\nurl = 'amqp://localhost'\n[amqp_sink]\nexchange = 'e'\n";
  EXPECT_NE(problems_of(sink).find("relay.toml:4: amqp_sink.exchange: takes a spool"),
            std::string::npos);
  const std::string spooled = sink + "[spool]\ndirectory = '/x'\n";
  EXPECT_EQ(problems_of(spooled), "");
  EXPECT_NE(problems_of(spooled + "[upstream]\nconnect = 'tcp://127.0.0.1:1'\n")
                .find("cannot go with upstream.connect"),
            std::string::npos);
  EXPECT_NE(problems_of(spooled + "[amqp_source]\nexchange = 'e'\n").find("round and round"),
            std::string::npos);
  EXPECT_NE(problems_of("[amqp]\nurl = 'amqp://localhost'\n[amqp_source]\nexchange = 'e'\n"
                        "level = 'written'\n")
                .find("'written' takes a spool"),
            std::string::npos);
  EXPECT_NE(problems_of("[amqp_sink]\npatterns = ['a', 'b#c']\n").find("relay.toml:2: "),
            std::string::npos);
  EXPECT_NE(problems_of("[amqp_sink]\non_connect = ['shutdown']\n").find("heartbeat, enable_"),
            std::string::npos);
}

TEST_F(ConfigTest, TakesNoNameThatABrokerCannotHave) {
  const std::string broker = "[amqp]\nurl = 'amqp://localhost'\n[amqp_source]\n";
  const auto said = [&](const std::string& source) { return problems_of(broker + source + "\n"); };
  const std::string long_name(256, 'n');
  const auto expect = [](const std::string& problems, const char* what) {
    EXPECT_NE(problems.find(what), std::string::npos) << problems;
  };
  expect(said("exchange = '" + long_name + "'"), "amqp_source.exchange: is 256 bytes long; AMQP");
  expect(said("exchange = 'e'\nqueue = '" + long_name + "'"), "amqp_source.queue: is 256 bytes");
  expect(said("exchange = '" + long_name.substr(2) + "'"), "nnn' is 260 bytes long");
  EXPECT_EQ(said("exchange = '" + long_name.substr(7) + "'"), "");
  expect(said("exchange = 'e'\npatterns = ['" + long_name + "']"), "is longer than 245 bytes");
  expect(said("exchange = \"a\\nb\""), "has a line end or another control character in it");
  expect(said("exchange = 'e'\npatterns = []"), "has no pattern; [\"#\"] is everything");
  for (const char* control : {"celery.pidbox", "reply.celery.pidbox"}) {
    expect(said(std::string("exchange = '") + control + "'"), "Celery's remote control");
    expect(problems_of(std::string("[amqp]\nurl = 'amqp://h'\n[amqp_sink]\nexchange = '") +
                       control + "'\n"),
           "Celery's remote control");
  }
  sources_.assignments = {"amqp_sink.queue=a\xff"};
  expect(problems_of(""), "is not UTF-8");
}

TEST_F(ConfigTest, WritesTomlWhateverIsInAText) {
  sources_.assignments = {"spool.directory=/tmp/a\nb\"c\\d\x1b"};
  const auto config = load("");
  ASSERT_TRUE(config);
  const std::string toml = effective_toml(*config);
  sources_ = {};
  const auto again = load(toml);
  ASSERT_TRUE(again) << text_of(again.error()) << toml;
  EXPECT_EQ(again->spool_directory, config->spool_directory);
}

TEST_F(ConfigTest, KeepsABrokersPasswordToItself) {
  sources_.environment = {"XYLEM_AMQP_URL=amqp://me:secret@localhost"};
  const auto config = load("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->amqp.url.password, "secret");
  EXPECT_EQ(effective_toml(*config).find("secret"), std::string::npos);
  sources_ = {};
  sources_.assignments = {"amqp.url=amqp://me:secret@localhost"};
  EXPECT_NE(problems_of("").find("password on the command line"), std::string::npos);
  EXPECT_EQ(problems_of("").find("secret"), std::string::npos);
  sources_ = {};
  std::ofstream(folder_ + "/password") << "from a file\n";
  const auto filed =
      load("[amqp]\nurl = 'amqp://me@localhost'\npassword_file = '" + folder_ + "/password'\n");
  ASSERT_TRUE(filed);
  EXPECT_EQ(filed->amqp.url.password, "from a file");
  EXPECT_NE(problems_of("[amqp]\npassword_file = '/nowhere'\n").find("cannot be read"),
            std::string::npos);
}

TEST_F(ConfigTest, SendsNoPasswordInTheClear) {
  EXPECT_NE(problems_of("[amqp]\nurl = 'amqp://rabbit.example'\n").find("write amqps://"),
            std::string::npos);
  EXPECT_EQ(problems_of("[amqp]\nurl = 'amqps://rabbit.example'\n"), "");
  EXPECT_NE(problems_of("[amqp]\nurl = 'amqps://rabbit.example'\nverify = false\n")
                .find("anybody could be the broker"),
            std::string::npos);
}

}  // namespace
}  // namespace xylem
