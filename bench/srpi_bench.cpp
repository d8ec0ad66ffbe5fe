// SPDX-License-Identifier: Apache-2.0
// Measures libsrpi alone: a fixed number of requests at a fixed depth over one session. The program sleeps
// when there is nothing to do. It prints I/Os per second; with the counted clock of bench/vm this gives
// instructions per I/O.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <srpi/session.hpp>
#include <srpi/session_option_table.hpp>
#include <string>
#include <vector>

namespace {

struct Settings {
  std::string target;
  std::string pattern = "randread";
  std::uint64_t bytes = 4096;
  std::uint32_t depth = 32;
  std::uint64_t ios = 10000;
};

class Bench {
 public:
  Bench(srpi::Session& session, const Settings& settings)
      : session_(session),
        unit_(*session.logical_units()[0]),
        settings_(settings),
        buffer_(settings.depth * settings.bytes, std::byte{0x5a}),
        slots_(settings.depth) {}

  srpi::Result<> run() {
    auto memory = session_.register_memory(buffer_);
    if (!memory) return memory.error();
    memory_ = std::move(*memory);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      auto& slot = slots_[i];
      slot.segment = {buffer_.data() + i * settings_.bytes, static_cast<std::uint32_t>(settings_.bytes),
                      memory_.get()};
      slot.request.data = {&slot.segment, 1};
      slot.request.context = this;
      slot.request.on_complete = [](srpi::IoRequest& r) noexcept {
        static_cast<Bench*>(r.context)->on_complete(r);
      };
      submit(slot.request);
    }
    while (completed_ < settings_.ios) {
      if (session_.poll() > 0 || !session_.arm()) continue;
      pollfd wait{session_.fd(), POLLIN, 0};
      ::poll(&wait, 1, -1);
    }
    if (status_ != srpi::Errc::ok) return srpi::Error{status_, "a request failed"};
    return {};
  }

 private:
  struct Slot {
    srpi::IoRequest request;
    srpi::Segment segment;
  };

  void submit(srpi::IoRequest& r) noexcept {
    if (submitted_ == settings_.ios) return;
    const auto& info = unit_.info();
    const auto blocks = settings_.bytes / info.block_size;
    const auto places = info.blocks / blocks;
    const bool random = settings_.pattern.starts_with("rand");
    place_ = random ? place_ * 6364136223846793005u + 1442695040888963407u : place_ + 1;
    r.operation = settings_.pattern.ends_with("read") ? srpi::IoOperation::read : srpi::IoOperation::write;
    r.first_block = ((random ? place_ >> 20 : place_) % places) * blocks;
    r.blocks = blocks;
    ++submitted_;
    unit_.submit(r);
  }

  void on_complete(srpi::IoRequest& r) noexcept {
    ++completed_;
    if (r.status != srpi::Errc::ok) status_ = r.status;
    submit(r);
  }

  srpi::Session& session_;
  srpi::LogicalUnit& unit_;
  const Settings& settings_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<srpi::Memory> memory_;
  std::vector<Slot> slots_;
  std::uint64_t submitted_ = 0, completed_ = 0, place_ = 1;
  srpi::Errc status_ = srpi::Errc::ok;
};

// All options of a session, by the library's table.
void add_session_options(CLI::App& app, srpi::SessionOptions& options) {
  for (const auto& option : srpi::session_option_table()) {
    std::string name(option.name);
    std::ranges::replace(name, '_', '-');
    const auto set = [name, &option, &options](const srpi::OptionValue& value) {
      if (auto done = option.set(options, value); !done)
        throw CLI::ValidationError("--" + name, done.error().detail);
    };
    const std::string meaning(option.meaning);
    const auto is_on = option.get({}) == srpi::OptionValue(true);
    if (option.form() == srpi::SessionOption::Form::boolean)
      app.add_flag_callback((is_on ? "--no-" : "--") + name, [set, is_on] { set(!is_on); }, meaning);
    else if (option.form() == srpi::SessionOption::Form::luns)
      app.add_option_function<std::vector<std::uint64_t>>("--" + name, set, meaning);
    else
      app.add_option_function<std::string>("--" + name, set, meaning)
          ->type_name(std::string(option.argument()));
  }
}

int fail(const srpi::Error& error) {
  std::fprintf(stderr, "srpi-bench: %s\n", error.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  srpi::SessionOptions options;
  CLI::App app{
      "Measures libsrpi against an SRP target.\n\nExample: srpi-bench ram://512M --pattern randread --depth "
      "32"};
  app.add_option("TARGET", settings.target, "srp:// URI, login string or ram://SIZE")->required();
  app.add_option("--pattern", settings.pattern)
      ->check(CLI::IsMember({"randread", "randwrite", "read", "write"}));
  app.add_option("--bytes", settings.bytes, "bytes of one request")->check(CLI::Range(512, 1 << 24));
  app.add_option("--depth", settings.depth, "concurrent requests")->check(CLI::Range(1, 1024));
  app.add_option("--ios", settings.ios, "total number of requests")->check(CLI::Range(1u, 1000000000u));
  add_session_options(app, options);
  CLI11_PARSE(app, argc, argv);

  const auto target = srpi::parse_target(settings.target);
  if (!target) return fail(target.error());
  auto session = srpi::Session::create(target->address, target->overrides.applied_to(options));
  if (!session) return fail(session.error());
  while ((*session)->state() == srpi::SessionState::connecting) {
    if ((*session)->poll() > 0 || !(*session)->arm()) continue;
    pollfd wait{(*session)->fd(), POLLIN, 0};
    ::poll(&wait, 1, -1);
  }
  if ((*session)->state() != srpi::SessionState::live) return fail((*session)->status().last_error);
  const auto& info = (*session)->logical_units()[0]->info();
  if (settings.bytes % info.block_size != 0 || settings.bytes > info.blocks * info.block_size)
    return fail({srpi::Errc::misaligned, "--bytes must be a multiple of the block size and fit the unit"});

  const auto from = std::chrono::steady_clock::now();
  {
    Bench bench(**session, settings);
    if (auto done = bench.run(); !done) return fail(done.error());
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - from;
  std::printf("{\"pattern\":\"%s\",\"bytes\":%llu,\"depth\":%u,\"ios\":%llu,\"iops\":%.0f}\n",
              settings.pattern.c_str(), static_cast<unsigned long long>(settings.bytes), settings.depth,
              static_cast<unsigned long long>(settings.ios),
              static_cast<double>(settings.ios) / seconds.count());
}
