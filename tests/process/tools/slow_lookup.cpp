// SPDX-License-Identifier: Apache-2.0
// To be preloaded: a name server that says nothing. "storage12" takes 12 s, then fails.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  constexpr std::string_view kSlow = "storage";
  if (host != nullptr && std::string_view(host).starts_with(kSlow)) {
    ::sleep(static_cast<unsigned>(std::atoi(host + kSlow.size())));
    return EAI_AGAIN;
  }
  static const auto next = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(host, service, hints, found);
}
