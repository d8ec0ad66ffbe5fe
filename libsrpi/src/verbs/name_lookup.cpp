// SPDX-License-Identifier: Apache-2.0
//
// Each look-up has its own thread. getaddrinfo_a() is not used, because glibc has 20 threads for it in the
// whole process, and 20 hanging look-ups would block all others.
#include "verbs/name_lookup.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>

#include "base/no_memory.hpp"

namespace srpi::verbs {

struct LookupJob {
  LookupJob(const RdmaCmAddress& address, std::string of) : target(address), names(std::move(of)) {}

  const RdmaCmAddress target;
  const std::string names;
  std::mutex mutex;
  // Protected by the lock. A waiting NameLookup leaves the list before it closes its eventfd.
  std::vector<int> waiting;
  std::optional<Result<std::vector<Route>>> answer;
};

namespace {

void run(LookupJob& job) noexcept {
  auto found = [&]() -> Result<std::vector<Route>> {
    try {
      return routes_to(job.target);
    } catch (const std::bad_alloc&) {
      return Error{Errc::no_memory, {}};
    }
  }();
  const std::lock_guard lock(job.mutex);
  job.answer.emplace(std::move(found));
  for (const int fd : job.waiting) static_cast<void>(eventfd_write(fd, 1));
}

// The thread blocks all signals, so the program's own threads handle them.
Result<> start_thread(std::shared_ptr<LookupJob> job) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  const auto names = job->names;
  try {
    std::thread([job = std::move(job)] { run(*job); }).detach();
  } catch (const std::system_error& failed) {
    error = failed.code().value();
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return {};
  return Error{Errc::no_memory,
               fmt::format("looking up {}: start a thread: {}", names, std::strerror(error))};
}

}  // namespace

// Returns false if the job has an answer already. It may be old.
bool NameLookup::join(const std::shared_ptr<LookupJob>& job) {
  const std::lock_guard lock(job->mutex);
  if (job->answer) return false;
  job->waiting.push_back(wake_.get());
  job_ = job;
  return true;
}

NameLookup::~NameLookup() {
  if (!job_) return;
  const std::lock_guard lock(job_->mutex);
  std::erase(job_->waiting, wake_.get());
}

const std::string& NameLookup::names() const noexcept { return job_->names; }

std::optional<Result<std::vector<Route>>> NameLookup::take() {
  eventfd_t ignored = 0;
  static_cast<void>(eventfd_read(wake_.get(), &ignored));
  const std::lock_guard lock(job_->mutex);
  return job_->answer;  // a copy, because other NameLookups may share the job
}

Result<std::unique_ptr<NameLookup>> NameLookups::start(const RdmaCmAddress& target) {
  FileDescriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (wake.get() < 0)
    return Error{Errc::no_memory,
                 fmt::format("looking up {}: create an eventfd: {}", names_in(target), std::strerror(errno))};
  std::unique_ptr<NameLookup> lookup(new NameLookup(std::move(wake)));
  const std::lock_guard lock(mutex_);
  if (const auto running = latest_.lock(); running && running->target == target && lookup->join(running))
    return lookup;
  const auto job = std::make_shared<LookupJob>(target, names_in(target));
  static_cast<void>(lookup->join(job));
  if (auto started = start_thread(job); !started) return started.error();
  latest_ = job;
  return lookup;
}

}  // namespace srpi::verbs
