// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "export/nbd_socket.hpp"

using srp_nbd::nbd_uri;

TEST_CASE("a URI leaves a plain path as it is") {
  CHECK(nbd_uri("lun0", "/run/a-b_c.d~e/S1") == "nbd+unix:///lun0?socket=/run/a-b_c.d~e/S1");
}

TEST_CASE("a URI encodes every other byte of a path and of an export's name") {
  CHECK(nbd_uri("a b/c?", "/a b#c&d%e?f+g=h;i:j@k") ==
        "nbd+unix:///a%20b/c%3F?socket=/a%20b%23c%26d%25e%3Ff%2Bg%3Dh%3Bi%3Aj%40k");
  CHECK(nbd_uri("lun0", "/\xc3\xbc\x1b\n") == "nbd+unix:///lun0?socket=/%C3%BC%1B%0A");
  for (int c = 1; c < 256; ++c) {
    const std::string uri = nbd_uri("lun0", std::string(1, static_cast<char>(c)));
    for (const char byte : uri) CHECK((byte > 0x20 && byte < 0x7f));
  }
}
