#include "relay/agent/service_thread.h"

#include <pthread.h>

namespace xylem {

ServiceThread::ServiceThread(const std::string& name, std::function<void()> loop)
    : thread_(std::move(loop)) {
  ::pthread_setname_np(thread_.native_handle(), ("xylem-" + name).substr(0, 15).c_str());
}

void ServiceThread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace xylem
