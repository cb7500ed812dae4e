#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "relay/cli/command.h"
#include "relay/cli/output.h"
#include "relay/cli/progress.h"
#include "relay/node/config.h"
#include "relay/node/option_table.h"

namespace xylem::cli {
namespace {

struct CheckOptions {
  ConfigSources sources;
  bool defaults = false;
  bool show = false;
};

int check(CheckOptions options) {
  if (options.defaults) {
    std::fputs(documented_defaults().c_str(), stdout);
    return kFine;
  }
  const auto config = load_config(options.sources);
  if (!config) {
    std::fputs(text_of(config.error()).c_str(), stderr);
    std::fprintf(stderr, "%s\n", counted(config.error().size(), "problem").c_str());
    return kBadConfiguration;
  }
  if (options.show) std::fputs(effective_toml(*config).c_str(), stdout);
  if (const auto shown = flush_stdout(); !shown) return failed(shown.error().message);
  for (const Problem& note : notes_on(*config)) {
    std::fprintf(stderr, "note: %s: %s\n", note.where.c_str(), note.what.c_str());
  }
  std::fputs("the configuration is fine\n", stderr);
  return kFine;
}

}  // namespace

void add_check(CLI::App& app, Run& run) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command =
      app.add_subcommand("check", "Validate a configuration: all problems at once, exit code 78");
  command->add_option("-c,--config", options->sources.file, "TOML file")->check(file_is_named);
  command
      ->add_option("--set", options->sources.assignments,
                   "KEY=VALUE, as for serve; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--insecure", options->sources.insecure, "As for serve");
  command->add_flag("--defaults", options->defaults,
                    "Print every option with its sentence and default, as TOML");
  command->add_flag("--show", options->show, "Print the values in force");
  command->callback([options, &run] {
    run = [options] {
      options->sources.environment = environment();
      return check(*options);
    };
  });
}

}  // namespace xylem::cli
