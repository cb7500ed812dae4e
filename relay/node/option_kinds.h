#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "relay/base/limits.h"
#include "relay/base/utf8.h"
#include "relay/event/topic_filter.h"
#include "relay/node/option_table.h"

// The kinds of options: each is a pair of functions over a place in Config, one that reads a value
// and says what is wrong with it, one that writes it as TOML. Only option_table.cc has use for
// them.
namespace xylem::option {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

inline Result<std::string> one_text(const OptionValue& value) {
  if (!value.is_list && value.texts.size() == 1) {
    if (is_utf8(value.texts.front())) return value.texts.front();
    return fail(ErrorCode::bad_configuration, "is not UTF-8");
  }
  return fail(ErrorCode::bad_configuration, "takes one value, not a list");
}

inline std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += c;
    }
  }
  return out + '"';
}

template <class Place>
OptionRow addresses(std::string_view key, std::string_view sentence, Place place) {
  return {key,
          "address, list of addresses, or \"off\"",
          sentence,
          false,
          [place](Config& config, const OptionValue& value) -> Result<void> {
            std::vector<Address> parsed;
            for (const std::string& text : value.texts) {
              if (text == "off" && value.texts.size() == 1) break;
              XYLEM_TRY(Address address, Address::parse(text));
              parsed.push_back(address);
            }
            place(config) = parsed;
            return {};
          },
          [place](const Config& config) {
            std::vector<std::string> texts;
            for (const Address& address : place(const_cast<Config&>(config))) {
              texts.push_back(toml_text(address.text()));
            }
            if (texts.size() == 1) return texts.front();
            return texts.empty() ? std::string("\"off\"")
                                 : fmt::format("[{}]", fmt::join(texts, ", "));
          }};
}

struct Bounds {
  std::uint64_t least;
  std::uint64_t most;
};

template <class Place>
OptionRow bytes(std::string_view key, std::string_view sentence, bool reloadable, Place place,
                Bounds bounds) {
  return {key,
          "bytes, or a number with KiB, MiB, GiB",
          sentence,
          reloadable,
          [place, bounds](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            std::uint64_t parsed = 0;
            if (!parse_bytes(text.c_str(), parsed)) {
              return fail(
                  ErrorCode::bad_configuration,
                  fmt::format("'{}' is not a size; write 4096, \"64KiB\" or \"1MiB\"", text));
            }
            if (parsed < bounds.least || parsed > bounds.most) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("must be from {} to {} bytes", bounds.least, bounds.most));
            }
            place(config) = static_cast<std::decay_t<decltype(place(config))>>(parsed);
            return {};
          },
          [place](const Config& config) {
            const auto value = static_cast<std::uint64_t>(place(const_cast<Config&>(config)));
            if (value != 0 && value % (1 << 20) == 0) return fmt::format("\"{}MiB\"", value >> 20);
            if (value != 0 && value % (1 << 10) == 0) return fmt::format("\"{}KiB\"", value >> 10);
            return fmt::format("{}", value);
          }};
}

template <class Place>
OptionRow count(std::string_view key, std::string_view sentence, bool reloadable, Place place,
                Bounds bounds) {
  return {key,
          "count",
          sentence,
          reloadable,
          [place, bounds](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            std::uint64_t parsed = 0;
            const char* end = text.data() + text.size();
            const auto [last, failure] = std::from_chars(text.data(), end, parsed);
            if (failure != std::errc{} || last != end) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("'{}' is not a whole number", text));
            }
            if (parsed < bounds.least || parsed > bounds.most) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("must be from {} to {}", bounds.least, bounds.most));
            }
            place(config) = static_cast<std::decay_t<decltype(place(config))>>(parsed);
            return {};
          },
          [place](const Config& config) {
            return fmt::format("{}", place(const_cast<Config&>(config)));
          }};
}

enum Change : bool { kFixed = false, kReloadable = true };

template <class Place>
OptionRow duration(std::string_view key, std::string_view sentence, Duration least, Place place,
                   Change change = kReloadable) {
  return {key,
          "duration with ms, s, m or h",
          sentence,
          change == kReloadable,
          [place, least](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            XYLEM_TRY(const Duration parsed, parse_duration(text));
            if (parsed < least) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("must be at least {} ms", least.count() / 1'000'000));
            }
            place(config) = parsed;
            return {};
          },
          [place](const Config& config) {
            const Duration value = place(const_cast<Config&>(config));
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
            return ms % 1000 == 0 ? fmt::format("\"{}s\"", ms / 1000) : fmt::format("\"{}ms\"", ms);
          }};
}

// One of the words that an enum has names for.
template <class Place, class Parse, class Name>
OptionRow choice(std::string_view key, std::string_view kind, std::string_view sentence,
                 Change change, Place place, Parse parse, Name name) {
  return {key,
          kind,
          sentence,
          change == kReloadable,
          [place, parse](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string given, one_text(value));
            XYLEM_TRY(place(config), parse(given));
            return {};
          },
          [place, name](const Config& config) {
            return toml_text(name(place(const_cast<Config&>(config))));
          }};
}

template <class Place>
OptionRow truth(std::string_view key, std::string_view sentence, Place place) {
  return {key,
          "true or false",
          sentence,
          false,
          [place](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string given, one_text(value));
            if (given != "true" && given != "false") {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("'{}' is not true or false", given));
            }
            place(config) = given == "true";
            return {};
          },
          [place](const Config& config) {
            return std::string(place(const_cast<Config&>(config)) ? "true" : "false");
          }};
}

template <class Place, class Check>
OptionRow texts(std::string_view key, std::string_view kind, std::string_view sentence, Place place,
                Check check) {
  return {key,
          kind,
          sentence,
          false,
          [place, check](Config& config, const OptionValue& value) -> Result<void> {
            std::vector<std::string> given = value.texts;
            if (given.size() == 1 && given.front().empty()) given.clear();
            if (!std::all_of(given.begin(), given.end(), is_utf8)) {
              return fail(ErrorCode::bad_configuration, "is not UTF-8");
            }
            if (auto fine = check(given); !fine) return fine;
            place(config) = std::move(given);
            return {};
          },
          [place](const Config& config) {
            std::vector<std::string> quoted;
            for (const std::string& one : place(const_cast<Config&>(config))) {
              quoted.push_back(toml_text(one));
            }
            return fmt::format("[{}]", fmt::join(quoted, ", "));
          }};
}

template <class Place>
OptionRow patterns(std::string_view key, std::string_view sentence, Place place) {
  return texts(key, "list of topic patterns", sentence, place,
               [](const std::vector<std::string>& given) -> Result<void> {
                 if (given.empty()) {
                   return fail(ErrorCode::bad_configuration,
                               "has no pattern; [\"#\"] is everything");
                 }
                 XYLEM_TRY(const TopicFilter filter, TopicFilter::parse(given));
                 static_cast<void>(filter);
                 return check_can_match(given);
               });
}

template <class Place>
OptionRow text(std::string_view key, std::string_view sentence, Place place) {
  return {key,
          "text",
          sentence,
          false,
          [place](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(place(config), one_text(value));
            return {};
          },
          [place](const Config& config) { return toml_text(place(const_cast<Config&>(config))); }};
}

}  // namespace xylem::option
