// SPDX-License-Identifier: Apache-2.0
// Reads one block with the poll-driven API: no event loop, no thread, no copy.   read_block TARGET [BLOCK]
#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <srpi/session.hpp>
#include <vector>

// Runs the session until `done`. Sleeps on its file descriptor while there is nothing to do.
template<class Predicate>
void run_until(srpi::Session& session, Predicate done) {
  while (!done()) {
    if (session.poll() > 0 || !session.arm()) continue;
    pollfd wait{session.fd(), POLLIN, 0};
    ::poll(&wait, 1, -1);
  }
}

int main(int argc, char** argv) {
  const auto target = srpi::parse_target(argc > 1 ? argv[1] : "");
  if (!target) return std::fprintf(stderr, "%s\n", target.error().message().c_str()), 2;
  auto created = srpi::Session::create(target->address, target->overrides.applied_to({}));
  if (!created) return std::fprintf(stderr, "%s\n", created.error().message().c_str()), 1;
  auto& session = **created;

  run_until(session, [&] { return session.state() != srpi::SessionState::connecting; });
  if (session.state() != srpi::SessionState::live)
    return std::fprintf(stderr, "%s\n", session.status().last_error.message().c_str()), 1;

  auto& unit = *session.logical_units()[0];
  std::vector<std::byte> block(unit.info().block_size);
  auto memory = session.register_memory(block).value();  // the target writes directly into it
  const srpi::Segment segment{block.data(), unit.info().block_size, memory.get()};

  bool done = false;
  srpi::IoRequest request;
  request.operation = srpi::IoOperation::read;
  request.first_block = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 0;
  request.blocks = 1;
  request.data = {&segment, 1};
  request.context = &done;
  request.on_complete = [](srpi::IoRequest& r) noexcept { *static_cast<bool*>(r.context) = true; };
  unit.submit(request);
  run_until(session, [&] { return done; });

  std::printf("block %llu: %s", static_cast<unsigned long long>(request.first_block),
              srpi::to_string(request.status));
  for (std::size_t i = 0; i < 16; ++i) std::printf(" %02x", static_cast<unsigned>(block[i]));
  std::printf("\n");
  return request.status == srpi::Errc::ok ? 0 : 1;
}
