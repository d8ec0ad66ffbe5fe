// SPDX-License-Identifier: Apache-2.0
#include "support/socket_folder.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace srp_nbd;
namespace fs = std::filesystem;

namespace {

struct Scratch {
  Scratch() {
    std::string name = "/tmp/srp-nbd-unit.XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Scratch() { fs::remove_all(path); }

  fs::path folder(const std::string& name, unsigned mode) const {
    const auto made = path / name;
    fs::create_directories(made);
    fs::permissions(made, static_cast<fs::perms>(mode));
    return made;
  }
  fs::path path;
};

std::string refusal(const fs::path& socket) {
  const auto folder = SocketFolder::of(socket.string());
  return folder ? "" : folder.error().code + ": " + folder.error().message;
}

}  // namespace

TEST_CASE("a socket may be in a folder of our own, in /tmp, and in a folder that a link of our own names") {
  const Scratch scratch;
  CHECK(refusal(scratch.path / "socket") == "");
  CHECK(refusal("/tmp/srp-nbd-unit.socket") == "");
  CHECK(refusal(scratch.folder("readable", 0755) / "socket") == "");
  fs::create_symlink(scratch.path / "readable", scratch.path / "link");
  CHECK(refusal(scratch.path / "link" / "socket") == "");
}

TEST_CASE("a folder in which others may write is refused by name, and so is one below it") {
  const Scratch scratch;
  for (const unsigned mode : {0777u, 0772u, 0770u, 0720u}) {
    const auto open = scratch.folder("open", mode);
    const auto words = "permission_denied: others may write in " + open.string();
    CHECK(refusal(open / "socket").rfind(words, 0) == 0);
    CHECK(refusal(open / "socket").find("chmod go-w " + open.string()) != std::string::npos);
    CHECK(refusal(scratch.folder("open/below", 0700) / "socket").rfind(words, 0) == 0);
  }
  CHECK(refusal(scratch.folder("sticky", 01777) / "socket") == "");
}

TEST_CASE("the folder of another user, and the way over his link, are refused") {
  if (::geteuid() != 0) return;  // only root can give a folder away
  const Scratch scratch;
  const auto given = scratch.folder("given", 0755);
  REQUIRE(::chown(given.c_str(), 65534, 65534) == 0);
  CHECK(
      refusal(given / "socket").rfind("permission_denied: " + given.string() + " belongs to uid 65534", 0) ==
      0);
  CHECK(refusal(scratch.folder("given/ours", 0700) / "socket").find("belongs to uid 65534") !=
        std::string::npos);
  const auto sticky = scratch.folder("sticky", 01777);
  fs::create_symlink(scratch.folder("ours", 0700), sticky / "link");
  CHECK(refusal(sticky / "link" / "socket") == "");
  REQUIRE(::lchown((sticky / "link").c_str(), 65534, 65534) == 0);
  CHECK(refusal(sticky / "link" / "socket").find("link belongs to uid 65534") != std::string::npos);
}

TEST_CASE("no folder, a file as a folder, and a folder as a socket are refused") {
  const Scratch scratch;
  std::ofstream(scratch.path / "file") << "x";
  CHECK(refusal(scratch.path / "none" / "socket").rfind("not_found: cannot use the folder", 0) == 0);
  CHECK(refusal(scratch.path / "file" / "socket").rfind("not_found: ", 0) == 0);
  CHECK(refusal(scratch.path / "").rfind("invalid_argument: ", 0) == 0);
  CHECK(refusal(scratch.path / std::string(81, 'x')).rfind("invalid_argument: ", 0) == 0);
}

TEST_CASE("a folder that is moved away keeps its socket's name") {
  const Scratch scratch;
  auto folder = SocketFolder::of((scratch.folder("one", 0700) / "socket").string());
  REQUIRE(folder.has_value());
  CHECK(folder->node() == std::pair<dev_t, ino_t>{});
  fs::rename(scratch.path / "one", scratch.path / "two");
  std::ofstream(folder->socket_by_fd()) << "x";
  CHECK(fs::exists(scratch.path / "two" / "socket"));
  CHECK(folder->node() != std::pair<dev_t, ino_t>{});
}
