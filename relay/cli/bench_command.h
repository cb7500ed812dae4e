#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "relay/cli/bench.h"
#include "relay/cli/bench_carrier.h"

namespace xylem::cli {

// The options that `xylem bench` and the peers' program have in common, and what both do with them.
struct BenchArguments {
  BenchOptions options;
  std::string overflow = "block";
  bool json = false;
  const CLI::Option* list_events = nullptr;  // to know whether it was given
};
void add_bench_options(CLI::App& command, BenchArguments& arguments);
// Empty, or a sentence about what makes no sense.
[[nodiscard]] std::string check_bench_options(BenchArguments& arguments);
// Prints the result; returns an ExitCode.
[[nodiscard]] int print_bench(const BenchResult& result, bool json);

}  // namespace xylem::cli
