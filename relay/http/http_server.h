#pragma once

#include <memory>
#include <vector>

#include "relay/agent/service_thread.h"
#include "relay/base/result.h"
#include "relay/http/pages.h"
#include "relay/transport/address.h"

namespace xylem {

// The HTTP endpoint: read-only pages for people, probes and scrapers, on threads of its own.
// start() and stop() from one thread.
class HttpServer {
 public:
  struct Options {
    std::vector<Address> listen;
  };
  // `view` must outlive the server.
  HttpServer(Options options, const RelayView& view);
  ~HttpServer();

  // Errors: address_in_use.
  [[nodiscard]] Result<void> start();
  void stop();
  [[nodiscard]] const std::vector<Address>& bound() const { return bound_; }

 private:
  struct Listener;
  Options options_;
  const RelayView& view_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<Address> bound_;
};

}  // namespace xylem
