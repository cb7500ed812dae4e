#include "relay/transport/address.h"
#include "tests/fuzz/fuzzed.h"

// An address that is accepted says the same when it is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto address = xylem::Address::parse(xylem::testing::text_of(bytes, size));
  if (!address) return 0;
  const auto again = xylem::Address::parse(address->text());
  XYLEM_CHECK(again && *again == *address, "an address survives being written and read");
  return 0;
}
