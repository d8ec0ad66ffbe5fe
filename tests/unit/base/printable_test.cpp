// SPDX-License-Identifier: Apache-2.0
#include "srpi/printable.hpp"

#include <catch2/catch.hpp>

using srpi::printable;

TEST_CASE("printable: what a terminal obeys is written in hexadecimal") {
  CHECK(printable("\x1b[2J\a\b\r\n\t\x7f") == "\\x1b[2J\\x07\\x08\\x0d\\x0a\\x09\\x7f");
  CHECK(printable(std::string_view("\0a", 2)) == "\\x00a");
  CHECK(printable("plain text ~!") == "plain text ~!");
  CHECK(printable("") == "");
}

TEST_CASE("printable: line feeds stay where the caller has made them") {
  CHECK(printable("a\nb\x1b", true) == "a\nb\\x1b");
}

TEST_CASE("printable: well-formed UTF-8 stays, malformed bytes do not") {
  CHECK(printable("Gr\xc3\xb6\xc3\x9f"
                  "e \xe2\x80\xa6 \xf0\x9f\x99\x82") ==
        "Gr\xc3\xb6\xc3\x9f"
        "e \xe2\x80\xa6 \xf0\x9f\x99\x82");
  CHECK(printable("\x80\xff") == "\\x80\\xff");
  CHECK(printable("\xc3") == "\\xc3");                             // cut
  CHECK(printable("\xc3(") == "\\xc3(");                           // not continued
  CHECK(printable("\xc0\x8a") == "\\xc0\\x8a");                    // an overlong line feed
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
}

TEST_CASE("printable: control characters of C1, and what hides or turns text around, do not stay") {
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");             // CSI
  CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK(printable("\xe2\x80\x8b") == "\\xe2\\x80\\x8b");  // zero width space
  CHECK(printable("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");  // line separator
}
