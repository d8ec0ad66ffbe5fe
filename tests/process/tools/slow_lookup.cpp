// SPDX-License-Identifier: Apache-2.0
// To be preloaded: a name server that says nothing. The look-up of "storage" begins with a file, $SLOW_LOOKUP_GATE.asked,
// and fails once there is another, $SLOW_LOOKUP_GATE.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  const char* const gate = std::getenv("SLOW_LOOKUP_GATE");
  if (gate != nullptr && host != nullptr && std::string(host) == "storage") {
    ::close(::creat((std::string(gate) + ".asked").c_str(), 0600));
    while (::access(gate, F_OK) != 0) ::usleep(20000);
    return EAI_AGAIN;
  }
  static const auto next = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(host, service, hints, found);
}
