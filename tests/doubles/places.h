#pragma once

#include <string>

namespace xylem {

// Folders of the checkout that tests read, as absolute paths.
[[nodiscard]] std::string fixtures_folder();
[[nodiscard]] std::string docs_folder();
[[nodiscard]] std::string fuzz_corpus_folder();

}  // namespace xylem
