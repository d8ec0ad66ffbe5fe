// SPDX-License-Identifier: Apache-2.0
// run-sim: runs seeds, replays one seed, or shows that a planted bug is found.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "coverage.hpp"
#include "simulation.hpp"

namespace {

using namespace srpi::sim;

struct Arguments {
  std::uint64_t first = 1, seeds = 200;
  unsigned jobs = 1;
  bool trace = false, twice = false, coverage = false, expect_failure = false;
  Canary canary = Canary::none;
};

struct Totals {
  std::uint64_t runs = 0, failures = 0, first_failure = 0, events = 0, requests = 0, succeeded = 0;
  FaultCounts faults;
  RowCounts rows{};
  srpi::session::ChannelHistory channels;

  void add(const srpi::session::ChannelHistory& other) {
    channels.joins += other.joins;
    channels.losses += other.losses;
    channels.repeated += other.repeated;
  }
  void add(const Totals& other) {
    runs += other.runs;
    if (other.failures > 0 && (failures == 0 || other.first_failure < first_failure))
      first_failure = other.first_failure;
    failures += other.failures;
    events += other.events;
    requests += other.requests;
    succeeded += other.succeeded;
    faults.add(other.faults);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] += other.rows[i];
    add(other.channels);
  }
};

// The seed, for the handler of SIGABRT and other signals.
volatile std::uint64_t current_seed = 0;

void on_crash(int signal) {
  std::fprintf(
      stderr, "seed %llu: the process died of signal %d\n  replay: tests/run-sim --seed %llu --trace\n",
      static_cast<unsigned long long>(current_seed), signal, static_cast<unsigned long long>(current_seed));
  std::_Exit(3);
}

void report(const Simulation& simulation, std::uint64_t seed) {
  const auto& f = *simulation.checks().failure();
  std::fprintf(stderr, "seed %llu: checker %d (%s)\n  expected: %s\n  seen:     %s\n",
               static_cast<unsigned long long>(seed), static_cast<int>(f.checker), to_string(f.checker),
               f.expected.c_str(), f.seen.c_str());
  simulation.journal().print_last(stderr);
  std::fprintf(stderr, "  replay: tests/run-sim --seed %llu --trace\n",
               static_cast<unsigned long long>(seed));
}

std::uint64_t run_seed(std::uint64_t seed, const Arguments& arguments, Totals& totals) {
  current_seed = seed;
  Simulation simulation(Plan::from_seed(seed), {.trace = arguments.trace, .canary = arguments.canary});
  simulation.run();
  ++totals.runs;
  if (simulation.checks().failure()) {
    if (totals.failures++ == 0) totals.first_failure = seed;
    if (!arguments.expect_failure)
      report(simulation, seed);
    else
      std::printf("seed %llu: found by checker %d (%s)\n", static_cast<unsigned long long>(seed),
                  static_cast<int>(simulation.checks().failure()->checker),
                  to_string(simulation.checks().failure()->checker));
  }
  totals.events += simulation.journal().events();
  totals.requests += simulation.workload().submitted();
  totals.succeeded += simulation.workload().succeeded();
  totals.faults.add(simulation.faults());
  for (std::size_t i = 0; i < totals.rows.size(); ++i) totals.rows[i] += simulation.rows()[i];
  totals.add(simulation.channels());
  return simulation.journal().hash();
}

std::size_t open_files() {
  std::size_t n = 0;
  for (int fd = 0; fd < 256; ++fd)
    if (::access(("/proc/self/fd/" + std::to_string(fd)).c_str(), F_OK) == 0) ++n;
  return n;
}

// Runs the seeds of one of several processes.
Totals run_share(const Arguments& arguments, unsigned share) {
  Totals totals;
  const auto from = std::chrono::steady_clock::now();
  const bool talks = share == 0 && ::isatty(STDERR_FILENO) && arguments.seeds > 1;
  const auto files = open_files();
  for (auto seed = arguments.first + share; seed < arguments.first + arguments.seeds;
       seed += arguments.jobs) {
    const auto hash = run_seed(seed, arguments, totals);
    if (arguments.twice) {
      Totals again;
      if (run_seed(seed, arguments, again) != hash) {
        std::fprintf(stderr, "seed %llu: checker 8 (replay): the second run was another one\n",
                     static_cast<unsigned long long>(seed));
        ++totals.failures;
        totals.first_failure = seed;
      }
    }
    if (arguments.seeds == 1)
      std::printf("seed %llu: hash %016llx\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(hash));
    if (talks && totals.runs % 256 == 0) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
      const auto done = totals.runs * arguments.jobs;
      std::fprintf(stderr, "\r%llu of %llu seeds, %.0f a minute ", static_cast<unsigned long long>(done),
                   static_cast<unsigned long long>(arguments.seeds),
                   static_cast<double>(done) / took.count() * 60);
    }
    if (totals.failures > 0) break;
  }
  if (talks) std::fprintf(stderr, "\r");
  if (open_files() != files) {
    std::fprintf(stderr, "checker 7 (resources at the baseline): %zu open files, %zu before\n", open_files(),
                 files);
    ++totals.failures;
  }
  return totals;
}

Totals run_all(const Arguments& arguments) {
  if (arguments.jobs == 1) return run_share(arguments, 0);
  struct Job {
    pid_t pid;
    int fd;
  };
  std::vector<Job> jobs;
  for (unsigned i = 0; i < arguments.jobs; ++i) {
    int fds[2];
    if (::pipe(fds) != 0) std::exit(2);
    const auto pid = ::fork();
    if (pid == 0) {
      ::close(fds[0]);
      const auto totals = run_share(arguments, i);
      std::fflush(nullptr);
      (void)!::write(fds[1], &totals, sizeof totals);
      std::_Exit(totals.failures > 0);
    }
    ::close(fds[1]);
    jobs.push_back({pid, fds[0]});
  }
  Totals all;
  for (const auto& job : jobs) {
    Totals one;
    if (::read(job.fd, &one, sizeof one) == sizeof one)
      all.add(one);
    else
      ++all.failures;
    ::close(job.fd);
    ::waitpid(job.pid, nullptr, 0);
  }
  return all;
}

void summarize(const Totals& totals, double seconds) {
  std::printf("%llu seeds, %.0f a minute; %llu events, %llu requests, %llu of them successful\n",
              static_cast<unsigned long long>(totals.runs), static_cast<double>(totals.runs) / seconds * 60,
              static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.requests),
              static_cast<unsigned long long>(totals.succeeded));
  std::printf(
      "further channels: %llu joined, %llu lost while others lived, %llu of their commands repeated behind "
      "the fence\n",
      static_cast<unsigned long long>(totals.channels.joins),
      static_cast<unsigned long long>(totals.channels.losses),
      static_cast<unsigned long long>(totals.channels.repeated));
  std::printf("faults:");
  for (std::size_t i = 0; i < kFaults; ++i)
    std::printf("%s%s %llu", i % 6 == 0 ? "\n  " : "  ", to_string(static_cast<Fault>(i)),
                static_cast<unsigned long long>(totals.faults.of(static_cast<Fault>(i))));
  std::printf("\ntransitions:\n");
  for (const auto& row : srpi::session::transitions()) {
    const auto n = totals.rows[static_cast<std::size_t>(&row - srpi::session::transitions().data())];
    if (n > 0)
      std::printf("  %-13s %-22s -> %-13s %llu\n", srpi::session::to_string(row.state),
                  srpi::session::to_string(row.event), srpi::session::to_string(row.next),
                  static_cast<unsigned long long>(n));
  }
}

[[noreturn]] void usage(int status) {
  std::fprintf(
      status == 0 ? stdout : stderr,
      "usage: run-sim [--seeds N] [--from M] [--jobs J]   N seeds from M (200 from 1) in J processes\n"
      "       run-sim --seed N [--trace]                  one seed, with every event on stderr\n"
      "  --twice             run each seed twice and compare the hashes\n"
      "  --coverage          fail unless every fault and every transition was seen\n"
      "  --canary NAME       plant a bug: late_dma, credit_leaked, few_receives\n"
      "  --expect-failure    succeed only if a checker fails\n");
  std::exit(status);
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto number = [&] {
      char* end = nullptr;
      if (i + 1 >= argc) usage(2);
      const auto value = std::strtoull(argv[++i], &end, 10);
      if (*end != '\0') usage(2);
      return static_cast<std::uint64_t>(value);
    };
    if (name == "--seeds")
      a.seeds = number();
    else if (name == "--from")
      a.first = number();
    else if (name == "--jobs")
      a.jobs = static_cast<unsigned>(std::max<std::uint64_t>(1, number()));
    else if (name == "--seed")
      a.first = number(), a.seeds = 1;
    else if (name == "--trace")
      a.trace = true;
    else if (name == "--twice")
      a.twice = true;
    else if (name == "--coverage")
      a.coverage = true;
    else if (name == "--expect-failure")
      a.expect_failure = true;
    else if (name == "--canary" && i + 1 < argc) {
      const std::string_view canary = argv[++i];
      if (canary == "late_dma")
        a.canary = Canary::late_dma;
      else if (canary == "credit_leaked")
        a.canary = Canary::credit_leaked;
      else if (canary == "few_receives")
        a.canary = Canary::few_receives;
      else
        usage(2);
    } else {
      usage(name == "--help" || name == "-h" ? 0 : 2);
    }
  }
  return a;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, on_crash);
  const auto from = std::chrono::steady_clock::now();
  auto totals = run_all(arguments);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
  if (arguments.seeds > 1 && !arguments.expect_failure) summarize(totals, took.count());
  if (arguments.expect_failure) {
    if (totals.failures == 0)
      std::printf("no checker found the planted bug within %llu seeds\n",
                  static_cast<unsigned long long>(totals.runs));
    return totals.failures > 0 ? 0 : 1;
  }
  if (arguments.coverage && totals.failures == 0)
    totals.failures += print_missing(totals.faults, totals.rows, totals.channels);
  if (totals.failures > 0) std::printf("FAILED\n");
  return totals.failures > 0 ? 1 : 0;
}
