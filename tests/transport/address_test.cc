#include "relay/transport/address.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/doubles/places.h"

namespace xylem {
namespace {

struct GoodAddress {
  std::string_view text;
  Address::Scheme scheme;
  std::string_view host;
  int port;
  bool is_local;
};
constexpr GoodAddress kGood[] = {
    {"tcp://127.0.0.1:7600", Address::Scheme::tcp, "127.0.0.1", 7600, true},
    {"tcp://127.1.2.3:1", Address::Scheme::tcp, "127.1.2.3", 1, true},
    {"tcp://localhost:0", Address::Scheme::tcp, "localhost", 0, true},
    {"tcp://[::1]:65535", Address::Scheme::tcp, "[::1]", 65535, true},
    {"tcp://LocalHost:1", Address::Scheme::tcp, "LocalHost", 1, true},
    {"tcp://[0:0:0:0:0:0:0:1]:1", Address::Scheme::tcp, "[0:0:0:0:0:0:0:1]", 1, true},
    {"tcp://[::ffff:127.0.0.1]:1", Address::Scheme::tcp, "[::ffff:127.0.0.1]", 1, true},
    {"tcp://*:7600", Address::Scheme::tcp, "*", 7600, false},
    {"tcp://0.0.0.0:7600", Address::Scheme::tcp, "0.0.0.0", 7600, false},
    {"tcp://[::]:7600", Address::Scheme::tcp, "[::]", 7600, false},
    {"tcp://relay.example.org:7600", Address::Scheme::tcp, "relay.example.org", 7600, false},
    {"tcp://127.example.org:7600", Address::Scheme::tcp, "127.example.org", 7600, false},
    {"tcp://[fe80::1%eth0]:7600", Address::Scheme::tcp, "[fe80::1%eth0]", 7600, false},
    {"tcp://eth0.100:7600", Address::Scheme::tcp, "eth0.100", 7600, false},
    {"http://127.0.0.1:7680", Address::Scheme::http, "127.0.0.1", 7680, true},
    {"ipc:///run/xylem/push", Address::Scheme::ipc, "/run/xylem/push", 0, true},
};

TEST(Address, IsReadFromItsTextAndWrittenBack) {
  for (const GoodAddress& good : kGood) {
    const auto address = Address::parse(good.text);
    ASSERT_TRUE(address) << good.text << ": " << address.error().message;
    EXPECT_EQ(address->scheme(), good.scheme) << good.text;
    EXPECT_EQ(address->host(), good.host) << good.text;
    EXPECT_EQ(address->port(), good.port) << good.text;
    EXPECT_EQ(address->is_local(), good.is_local) << good.text;
    EXPECT_EQ(address->text(), good.text);
    EXPECT_EQ(Address::parse(address->text()).value(), *address);
  }
}

TEST(Address, OfHttpMayEndInSlashes) {
  EXPECT_EQ(Address::parse("http://127.0.0.1:7680//")->text(), "http://127.0.0.1:7680");
  EXPECT_FALSE(Address::parse("tcp://127.0.0.1:7600/"));
}

TEST(Address, IsRefusedWithASentenceThatSaysWhatIsMissing) {
  struct Bad {
    std::string text;
    std::string_view why;
  };
  const Bad bad[] = {{"", "no scheme"},
                     {"127.0.0.1:7600", "no scheme"},
                     {"udp://127.0.0.1:7600", "scheme that is not"},
                     {"TCP://127.0.0.1:7600", "scheme that is not"},
                     {"tcp://", "needs HOST:PORT"},
                     {"tcp://127.0.0.1", "needs HOST:PORT"},
                     {"tcp://:7600", "needs HOST:PORT"},
                     {"tcp://127.0.0.1:", "no port"},
                     {"tcp://127.0.0.1:65536", "no port"},
                     {"tcp://127.0.0.1:-1", "no port"},
                     {"tcp://127.0.0.1:+1", "no port"},
                     {"tcp://127.0.0.1:7600x", "no port"},
                     {"tcp://[::1]", "no port"},
                     {"tcp://::1:7600", "IPv6 address without brackets"},
                     {"tcp://[::g]:7600", "no IPv6 address in its brackets"},
                     {"tcp://[127.0.0.1]:7600", "no IPv6 address in its brackets"},
                     {"tcp://[]:7600", "no IPv6 address in its brackets"},
                     {"tcp://256.0.0.1:7600", "no IPv4 address"},
                     {"tcp://127.1:7600", "no IPv4 address"},
                     {"tcp://a b:7600", "neither a name nor an address"},
                     {"tcp://**:7600", "neither a name nor an address"},
                     {"tcp://" + std::string(254, 'n') + ":1", "neither a name nor an address"},
                     {"tcp://[::1%lo]:7600", "has a zone"},
                     {"tcp://[fe80::1%]:7600", "no interface behind"},
                     {"ipc://", "no path"},
                     {"ipc://@name", "no file"},
                     {"ipc://*", "no file"},
                     {"ipc://" + std::string(108, 'p'), "longer than 107"},
                     {"tcp://a\nb", "\\x0a"}};
  for (const auto& [text, why] : bad) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::bad_address);
    EXPECT_NE(address.error().message.find(why), std::string::npos) << address.error().message;
  }
}

TEST(Address, IsTakenToConnectToWhereThePlugInForCeleryTakesIt) {
  std::ifstream table(fixtures_folder() + "/addresses.txt");
  int lines = 0;
  for (std::string verdict, text; table >> verdict && std::getline(table >> std::ws, text);) {
    if (verdict == "#") continue;
    const auto address = Address::parse(text);
    EXPECT_EQ(address && address->can_be_connected_to(), verdict == "fine") << text;
    ++lines;
  }
  EXPECT_GT(lines, 30);
}

TEST(Address, SaysWhereNobodyCanConnect) {
  const auto fine = [](std::string_view text) {
    return Address::parse(text)->can_be_connected_to().has_value();
  };
  EXPECT_TRUE(fine("tcp://127.0.0.1:7600"));
  EXPECT_TRUE(fine("tcp://[::1]:7600"));
  EXPECT_TRUE(fine("ipc:///run/xylem/push"));
  EXPECT_FALSE(fine("tcp://*:7600"));
  EXPECT_FALSE(fine("tcp://127.0.0.1:0"));
  EXPECT_FALSE(fine("http://127.0.0.1:7680"));
}

TEST(Address, IsEqualToAnotherOnlyInAllItsParts) {
  const auto address = [](std::string_view text) { return Address::parse(text).value(); };
  EXPECT_EQ(address("tcp://a:1"), address("tcp://a:1"));
  EXPECT_NE(address("tcp://a:1"), address("tcp://a:2"));
  EXPECT_NE(address("tcp://a:1"), address("tcp://b:1"));
  EXPECT_NE(address("tcp://a:1"), address("http://a:1"));
}

TEST(Address, HasAnIpWithoutBracketsForCallsThatHaveThePortApart) {
  const auto bare = [](const Address& address) { return address.bare_ip("0.0.0.0"); };
  EXPECT_EQ(bare(Address::parse("tcp://[::1]:1").value()), "::1");
  EXPECT_EQ(bare(Address::parse("http://127.0.0.2:1").value()), "127.0.0.2");
  EXPECT_EQ(bare(Address::parse("tcp://*:1").value()), "0.0.0.0");
  EXPECT_EQ(bare(Address::parse("tcp://host:1").value().looked_up_as("[::2]")), "::2");
}

}  // namespace
}  // namespace xylem
