#include "relay/amqp/msgpack.h"

#include <nlohmann/json.hpp>

#include "relay/base/limits.h"

namespace xylem {
namespace {

using Json = nlohmann::ordered_json;

// Builds the value as the library would, but says no to what would nest too deep for its own
// recursion, and to what JSON has no word for.
class Builder : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;
  explicit Builder(Json& out) : Base(out, false) {}

  bool start_object(std::size_t size) {
    return ++depth_ <= kJsonDepthMax && Base::start_object(size);
  }
  bool end_object() {
    --depth_;
    return Base::end_object();
  }
  bool start_array(std::size_t size) {
    return ++depth_ <= kJsonDepthMax && Base::start_array(size);
  }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  static bool binary(Json::binary_t&) { return false; }
  static bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
    return false;
  }

 private:
  std::size_t depth_ = 0;
};

}  // namespace

Result<std::string> json_of_msgpack(std::string_view bytes) {
  Json value;
  Builder builder(value);
  if (!Json::sax_parse(bytes, &builder, Json::input_format_t::msgpack)) {
    return fail(ErrorCode::malformed, "is no MessagePack of plain values");
  }
  // Texts that are not UTF-8 are no texts.
  try {
    return value.dump();
  } catch (const Json::type_error&) {
    return fail(ErrorCode::malformed, "has a text that is not UTF-8");
  }
}

}  // namespace xylem
