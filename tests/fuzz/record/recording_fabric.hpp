// SPDX-License-Identifier: Apache-2.0
// A fabric that records the units of both directions as inputs of the fuzz harnesses.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/endpoint.hpp"
#include "loopback/network.hpp"
#include "target/ram_target.hpp"

namespace srpi::fuzz {

// Writes one file per input. Equal inputs are written once.
class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void add(const std::string& harness, std::span<const std::byte> input, std::string_view prefix = {});

 private:
  std::filesystem::path folder_;
  std::set<std::string> seen_;
  std::map<std::string, int> count_;
};

class RecordingFabric final : public fabric::Fabric {
 public:
  RecordingFabric(loopback::Network& network, target::RamTarget& target, Corpus& corpus)
      : network_(network), target_(target), corpus_(corpus) {}
  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                                     const fabric::ConnectOptions&) override;
  std::size_t progress() override { return network_.progress() + target_.poll(); }

 private:
  loopback::Network& network_;
  target::RamTarget& target_;
  Corpus& corpus_;
};

}  // namespace srpi::fuzz
