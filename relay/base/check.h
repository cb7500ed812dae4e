#pragma once

// XYLEM_CHECK(condition, "what was promised") aborts when our own code breaks its word, in every
// build. What the world does wrong is an Error (error.h), never a check.

namespace xylem {

// Prints the condition and its place to stderr, then aborts. Any thread.
[[noreturn]] void check_failed(const char* condition, const char* promise, const char* file,
                               int line);

}  // namespace xylem

#define XYLEM_CHECK(condition, promise) \
  (static_cast<bool>(condition)         \
       ? static_cast<void>(0)           \
       : ::xylem::check_failed(#condition, (promise), __FILE__, __LINE__))
