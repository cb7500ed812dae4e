#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "relay/base/result.h"

namespace xylem::cli {

// Where a command writes lines: a file, or stdout. What counts as written is what the system has
// taken; the first error is kept, and after it nothing more is written.
class Output {
 public:
  enum class Mode : std::uint8_t {
    create,   // a file that must not be there yet
    replace,  // its contents go, with the first line or discard_old()
    append    // behind what is there; a line that was cut off is ended
  };
  // "-" is stdout. Always at the file's end, also after somebody has cut it short. Errors: io.
  [[nodiscard]] static Result<Output> open(const std::string& path, Mode mode);
  [[nodiscard]] static Output to_stdout() { return Output(stdout); }

  void line(const std::string& text);
  // With Mode::replace: what was in the file goes now, though there is no line yet.
  void discard_old();
  // Takes the file away again, if open() has made it and `path` still leads to it. Never what was
  // there before, a device or a link.
  void remove_if_made(const std::string& path) const;
  // Hands over what waits, and looks whether anybody still reads it.
  void flush();
  // The file by its name again, which may be another by now: what log rotation does. Errors: io.
  [[nodiscard]] Result<void> reopen(const std::string& path);
  // The last flush. Errors: io, the first that there was, with the system's words; none if the
  // reader of a pipe has gone.
  [[nodiscard]] Result<void> finish();

  [[nodiscard]] bool has_failed() const { return error_ != 0; }
  [[nodiscard]] bool reader_has_gone() const;
  [[nodiscard]] bool is_stdout() const { return file_.get() == stdout; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdout) std::fclose(file);
    }
  };
  explicit Output(std::FILE* file) : file_(file) {}
  void remember_error();
  void know_file(bool made);

  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t bytes_ = 0;
  int error_ = 0;
  bool replaces_ = false;  // what was there is still there
  bool made_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// What the command has printed on stdout is out. Errors: io.
[[nodiscard]] Result<void> flush_stdout();

}  // namespace xylem::cli
