#pragma once

#include <string_view>

namespace xylem {

// Of the program and the libraries; CMakeLists.txt has the same for the package.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace xylem
