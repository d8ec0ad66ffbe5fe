// SPDX-License-Identifier: Apache-2.0
// To be preloaded: a name server that says nothing. Names that begin with "storage" take 30 s, then fail.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <string_view>

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  if (host != nullptr && std::string_view(host).starts_with("storage")) {
    ::sleep(30);
    return EAI_AGAIN;
  }
  static const auto next = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(host, service, hints, found);
}
