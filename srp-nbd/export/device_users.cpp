// SPDX-License-Identifier: Apache-2.0
#include "export/device_users.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "support/unique_fd.hpp"

namespace srp_nbd {
namespace {

namespace fs = std::filesystem;

using Uses = std::vector<std::string>;
using Names = std::map<dev_t, std::string>;  // a disk and its partitions: "nbd0", "nbd0p1"

// Lists nothing if the folder is missing or disappears meanwhile: processes and partitions may.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> result;
  std::error_code error;
  for (fs::directory_iterator each(folder, error), end; !error && each != end; each.increment(error))
    result.push_back(each->path());
  std::ranges::sort(result);
  return result;
}

std::string first_line(const fs::path& file) {
  std::string line;
  std::ifstream stream(file);
  std::getline(stream, line);
  return line;
}

// "43:0", as in /sys and in mountinfo.
std::optional<dev_t> device_number(std::string_view text) {
  const auto colon = text.find(':');
  unsigned major = 0, minor = 0;
  if (colon == text.npos || std::from_chars(text.data(), text.data() + colon, major).ec != std::errc{} ||
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), minor).ec != std::errc{})
    return std::nullopt;
  return makedev(major, minor);
}

// Adds the disk or partition in this folder of /sys, and what is made of it: dm (multipath, LVM) and md devices.
void look_at(const fs::path& folder, Names& names, Uses& uses) {
  const auto number = device_number(first_line(folder / "dev"));
  if (!number) return;
  const auto name = folder.filename().string();
  names.emplace(*number, name);
  for (const auto& holder : entries(folder / "holders")) {
    const auto by = first_line(holder / "dm/name");
    uses.push_back(fmt::format("/dev/{} is part of {}{}", name, holder.filename().string(),
                               by.empty() ? "" : fmt::format(" ({})", by)));
  }
}

// Blanks are written as \040 in mountinfo.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 4], code, 8).ptr == &text[i + 4])
      result += static_cast<char>(code), i += 3;
    else
      result += text[i];
  }
  return result;
}

void look_for_mounts(const fs::path& proc, const Names& names, Uses& uses) {
  std::ifstream mounts(proc / "self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, number, folder, place;
    if (!(fields >> id >> parent >> number >> folder >> place)) continue;
    const auto device = device_number(number);
    if (const auto found = device ? names.find(*device) : names.end(); found != names.end())
      uses.push_back(fmt::format("/dev/{} is mounted at {}", found->second, unescaped(place)));
  }
}

void look_for_swap(const fs::path& proc, const Names& names, Uses& uses) {
  std::ifstream swaps(proc / "swaps");
  for (std::string line; std::getline(swaps, line);)
    for (const auto& [number, name] : names)
      if (line.starts_with(fmt::format("/dev/{} ", name)))
        uses.push_back(fmt::format("/dev/{} is swap space", name));
}

void look_at_process(const fs::path& process, const Names& names, Uses& uses) {
  std::set<std::string> open;
  for (const auto& descriptor : entries(process / "fd")) {
    struct stat file {};
    if (::stat(descriptor.c_str(), &file) != 0 || !S_ISBLK(file.st_mode)) continue;
    if (const auto found = names.find(file.st_rdev); found != names.end()) open.insert(found->second);
  }
  for (const auto& name : open)
    uses.push_back(fmt::format("process {} ({}) has /dev/{} open", process.filename().string(),
                               first_line(process / "comm"), name));
}

// A mount in another namespace shows only here: the kernel refuses a second exclusive opening.
bool is_claimed(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK));
  return !fd && errno == EBUSY;
}

}  // namespace

std::string name_of_process(pid_t process, const std::string& root) {
  const auto name = first_line(fs::path(root) / "proc" / std::to_string(process) / "comm");
  return name.empty() ? "?" : name;
}

std::vector<std::string> users_of_device(const std::string& name, const std::string& root) {
  Names names;
  Uses uses;
  const auto disk = fs::path(root) / "sys/block" / name;
  look_at(disk, names, uses);
  for (const auto& part : entries(disk))
    if (part.filename().string().starts_with(name + "p")) look_at(part, names, uses);
  const auto proc = fs::path(root) / "proc";
  look_for_mounts(proc, names, uses);
  look_for_swap(proc, names, uses);
  for (const auto& process : entries(proc))
    if (process.filename().string().find_first_not_of("0123456789") == std::string::npos)
      look_at_process(process, names, uses);
  for (const auto& [number, disk_or_part] : names)
    if (const auto path = (fs::path(root) / "dev" / disk_or_part).string(); uses.empty() && is_claimed(path))
      uses.push_back(path +
                     " is in use by the kernel: mounted in another namespace, or part of another device");
  return uses;
}

}  // namespace srp_nbd
