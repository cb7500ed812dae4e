// Goal    the fuzz targets hold for the corpus, and for some thousand mutations of it, under every
//         compiler and sanitizer that runs the tests.
// Method  each file of corpus/<target>/, then files bent by seed: bytes flipped, cut, doubled,
// spliced.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/doubles/chance.h"
#include "tests/doubles/places.h"

#define TARGET(name) extern "C" int fuzz_##name(const std::uint8_t*, std::size_t)
TARGET(address);
TARGET(admission);
TARGET(batch_frame);
TARGET(celery_json);
TARGET(control_frame);
TARGET(filter);
TARGET(spool_segment);
TARGET(state);
TARGET(topic_pattern);
#undef TARGET

namespace xylem {
namespace {

using Input = std::vector<std::uint8_t>;
struct Target {
  const char* name;
  int (*run)(const std::uint8_t*, std::size_t);
};
constexpr Target kTargets[] = {{"address", fuzz_address},
                               {"admission", fuzz_admission},
                               {"batch_frame", fuzz_batch_frame},
                               {"celery_json", fuzz_celery_json},
                               {"control_frame", fuzz_control_frame},
                               {"filter", fuzz_filter},
                               {"spool_segment", fuzz_spool_segment},
                               {"state", fuzz_state},
                               {"topic_pattern", fuzz_topic_pattern}};

class Corpus : public ::testing::TestWithParam<Target> {
 protected:
  static std::vector<Input> inputs() {
    std::vector<std::filesystem::path> paths;
    for (const auto& file : std::filesystem::directory_iterator(
             std::filesystem::path(fuzz_corpus_folder()) / GetParam().name)) {
      paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());  // or a seed would not repeat its run
    std::vector<Input> all;
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return all;
  }
  static void run(const Input& input) {
    // Copied to the exact size, so that a byte too far is seen.
    const Input exact(input.begin(), input.end());
    EXPECT_EQ(GetParam().run(exact.data(), exact.size()), 0);
  }
};
INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, ::testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

TEST_P(Corpus, Holds) {
  const auto all = inputs();
  EXPECT_GE(all.size(), 2u);
  for (const Input& input : all) run(input);
  run({});
}

void bend(Input& input, const std::vector<Input>& all, testing::Chance& chance) {
  const auto at = [&] {
    return input.begin() + static_cast<std::ptrdiff_t>(chance.below(input.size()));
  };
  if (input.empty()) input.push_back(0);
  switch (chance.below(6)) {
    case 0: *at() ^= static_cast<std::uint8_t>(1u << chance.below(8)); break;
    case 1: *at() = static_cast<std::uint8_t>(chance.any()); break;
    case 2: input.erase(at()); break;
    case 3: input.insert(at(), *at()); break;
    case 4: input.erase(at(), input.end()); break;
    case 5: {
      const Input& other = chance.of(std::span<const Input>(all));
      input.insert(at(), other.begin(),
                   other.begin() + static_cast<std::ptrdiff_t>(chance.below(other.size() + 1)));
      break;
    }
  }
}

TEST_P(Corpus, HoldsWhenItIsBent) {
  const auto all = inputs();
  for (const std::uint64_t seed : testing::seeds(4)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    for (int round = 0; round < 1000; ++round) {
      Input input = chance.of(std::span<const Input>(all));
      for (std::size_t bends = chance.between(1, 4); bends > 0; --bends) bend(input, all, chance);
      run(input);
    }
  }
}

}  // namespace
}  // namespace xylem
