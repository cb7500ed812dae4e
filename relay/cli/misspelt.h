#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>

namespace xylem::cli {

// What somebody may have meant whose words were not understood: "there is no --conect; did you mean
// --connect?". `words` as the shell gave them, without the program's name. Empty if nothing is
// near.
[[nodiscard]] std::string what_was_meant(const CLI::App& app, std::span<const char* const> words);

}  // namespace xylem::cli
