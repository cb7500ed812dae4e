#include "relay/http/fetch.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace xylem {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kAsked = std::chrono::milliseconds(50);
constexpr std::uint64_t kBodyBytesMax = 64 << 20;

// What the relay says is wrong, with ": " before it; else nothing.
std::string problem_in(const http::response<http::string_body>& answer) {
  if (answer[http::field::content_type] != "application/problem+json") return "";
  const auto problem = nlohmann::json::parse(answer.body(), nullptr, false);
  const auto detail = problem.is_object() ? problem.find("detail") : problem.end();
  if (detail == problem.end() || !detail->is_string()) return "";
  return ": " + detail->get<std::string>();
}

}  // namespace

Result<std::string> http_get(const Address& relay, const std::string& path,
                             const KeepWaiting& keep_waiting) {
  boost::asio::io_context context;
  beast::tcp_stream stream(context);
  stream.expires_after(kPatience);
  http::request<http::empty_body> request(http::verb::get, path, 11);
  request.set(http::field::host, fmt::format("{}:{}", relay.host(), relay.port()));
  request.keep_alive(false);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kBodyBytesMax);
  beast::flat_buffer buffer;
  error_code ec;
  const boost::asio::ip::tcp::endpoint place(
      boost::asio::ip::make_address(relay.bare_ip("127.0.0.1"), ec), relay.port());
  const auto if_well = [&ec](auto next) {
    return [&ec, next](error_code outcome, const auto&...) {
      ec = outcome;
      if (!ec) next();
    };
  };
  const auto receive = [&] { http::async_read(stream, buffer, parser, if_well([] {})); };
  const auto send = [&] { http::async_write(stream, request, if_well(receive)); };
  if (!ec) stream.async_connect(place, if_well(send));
  while (context.run_one_for(kAsked) != 0 || !context.stopped()) {
    if (!keep_waiting || keep_waiting()) continue;
    ec = boost::asio::error::operation_aborted;
    break;
  }
  if (ec) return fail(ErrorCode::timed_out, fmt::format("nobody answers at {}", relay.text()));
  if (parser.get().result_int() != 200) {
    return fail(ErrorCode::refused,
                fmt::format("{}{} answers {}{}", relay.text(), path, parser.get().result_int(),
                            problem_in(parser.get())));
  }
  return std::move(parser.get().body());
}

std::string path_part(std::string_view text) {
  std::string part;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    part += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return part;
}

}  // namespace xylem
