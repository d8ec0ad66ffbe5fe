// SPDX-License-Identifier: Apache-2.0
// What uses a device, in a tree of files that looks like /sys and /proc.
#include "export/device_users.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace srp_nbd;
namespace fs = std::filesystem;

namespace {

struct Tree {
  Tree() {
    char name[] = "/tmp/srpi-users.XXXXXX";
    root = ::mkdtemp(name);
    write("sys/block/nbd0/dev", "43:0");
    write("sys/block/nbd0/nbd0p1/dev", "43:1");
    write("sys/block/nbd1/dev", "43:32");
    write("proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw");
  }
  ~Tree() { fs::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text << '\n';
  }
  [[nodiscard]] std::vector<std::string> users(const std::string& name) const {
    return users_of_device(name, root.string());
  }
  fs::path root;
};

using Uses = std::vector<std::string>;

}  // namespace

TEST_CASE("a device that nothing uses has no users, and neither has one that does not exist") {
  const Tree tree;
  CHECK(tree.users("nbd0").empty());
  CHECK(tree.users("nbd7").empty());
}

TEST_CASE("a mounted partition is named with its place, also with blanks") {
  const Tree tree;
  tree.write("proc/self/mountinfo",
             "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
             "30 22 43:1 / /srv/my\\040files rw,noatime - ext4 /dev/nbd0p1 rw");
  CHECK(tree.users("nbd0") == Uses{"/dev/nbd0p1 is mounted at /srv/my files"});
  CHECK(tree.users("nbd1").empty());
}

TEST_CASE("devices that are made of a device are named: multipath, LVM, md") {
  const Tree tree;
  fs::create_directories(tree.root / "sys/block/nbd0/holders/md0");
  tree.write("sys/block/nbd0/nbd0p1/holders/dm-3/dm/name", "mpatha");
  CHECK(tree.users("nbd0") == Uses{"/dev/nbd0 is part of md0", "/dev/nbd0p1 is part of dm-3 (mpatha)"});
}

TEST_CASE("swap space on a device is named, and not that of a device whose name begins alike") {
  const Tree tree;
  tree.write("sys/block/nbd10/dev", "43:320");
  tree.write("proc/swaps",
             "Filename\t\t\tType\t\tSize\n/dev/nbd10                             partition\t8\t0\t-2");
  CHECK(tree.users("nbd1").empty());
  CHECK(tree.users("nbd10") == Uses{"/dev/nbd10 is swap space"});
}

TEST_CASE("a process that has a device open is named once") {
  const Tree tree;
  tree.write("proc/4711/comm", "fio");
  fs::create_directories(tree.root / "proc/4711/fd");
  if (::mknod((tree.root / "node").c_str(), S_IFBLK | 0600, makedev(43, 32)) != 0) return;  // needs root
  for (const auto* number : {"3", "4"})
    fs::create_symlink(tree.root / "node", tree.root / "proc/4711/fd" / number);
  fs::create_symlink("/dev/null", tree.root / "proc/4711/fd/0");
  fs::create_symlink("pipe:[1]", tree.root / "proc/4711/fd/1");
  CHECK(tree.users("nbd1") == Uses{"process 4711 (fio) has /dev/nbd1 open"});
  CHECK(tree.users("nbd0").empty());
}

TEST_CASE("lines of /proc that look otherwise are left out") {
  const Tree tree;
  tree.write("proc/self/mountinfo", "\n43:1\n1 2 x:y / /a\n1 2 43: / /b\n1 2 43:1");
  tree.write("proc/swaps", "/dev/nbd0");
  CHECK(tree.users("nbd0").empty());
  CHECK(name_of_process(12, tree.root.string()) == "?");
}
