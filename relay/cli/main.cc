#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <sstream>

#include "relay/base/version.h"
#include "relay/cli/command.h"
#include "relay/cli/misspelt.h"
#include "relay/cli/output.h"
#include "relay/node/variables.h"

namespace {

// Batches come and go at up to a megabyte each. glibc would map and unmap every one above 128 KiB,
// and each time the kernel would fill in its pages anew.
void keep_batch_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

// A command has done its work only if what it printed has arrived.
int with_output(int code) {
  const auto flushed = xylem::cli::flush_stdout();
  if (flushed || code != xylem::cli::kFine) return code;
  return xylem::cli::failed(flushed.error().message);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace xylem::cli;
  keep_batch_memory();
  // What most commands print goes out in one write, whose error is then known.
  static std::array<char, std::size_t{64} << 10> buffer;
  if (!is_terminal(STDOUT_FILENO)) std::setvbuf(stdout, buffer.data(), _IOFBF, buffer.size());
  CLI::App app{"xylem carries the events of task workers to everyone who watches them"};
  app.name("xylem");
  app.set_version_flag("--version", "xylem " + std::string(xylem::kVersion));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 fine, 1 failed, 2 usage, 3 stopped with work left behind, 78 bad "
      "configuration.\n`xylem COMMAND --help` says more.");
  Run run;
  for (const auto add : {add_serve, add_emit, add_dump, add_record, add_replay, add_route,
                         add_check, add_control, add_spool, add_probe, add_top, add_bench}) {
    add(app, run);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream said;  // std::cout would keep the reason of a failed write to itself
    const int code = app.exit(error, said, std::cerr) == 0 ? kFine : kUsage;
    std::fputs(said.str().c_str(), stdout);
    const std::string meant = what_was_meant(app, std::span(argv, argc).subspan(1));
    if (code == kUsage && !meant.empty()) std::fprintf(stderr, "xylem: %s\n", meant.c_str());
    return with_output(code);
  }
  std::vector<xylem::Problem> notes = xylem::unknown_variables(environment());
  // To those that read a configuration these are problems of it, which they tell themselves.
  const bool reads_options = app.get_subcommands().front()->get_option_no_throw("--set") != nullptr;
  if (!reads_options) {
    const auto misspelt = xylem::misspelt_options(environment());
    notes.insert(notes.end(), misspelt.begin(), misspelt.end());
  }
  for (const xylem::Problem& note : notes) {
    std::fprintf(stderr, "note: %s %s\n", note.where.c_str(), note.what.c_str());
  }
  // Our functions return errors; a library's may throw what nobody thought of.
  try {
    return with_output(run());
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}
