// SPDX-License-Identifier: Apache-2.0
// A program that uses the Asio layer at the wrong time gets an error that says so.
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "srpi/asio.hpp"

using namespace srpi;

namespace {

struct Program {
  using Operation =
      std::function<void(AsyncSession&, std::function<void(boost::system::error_code, std::size_t)>)>;

  // The code that the operation ends with. It completes once, and not from within the call.
  boost::system::error_code outcome(AsyncSession& of, const Operation& operation) {
    std::optional<boost::system::error_code> code;
    bool returned = false;
    operation(of, [&](boost::system::error_code error, std::size_t) {
      CHECK(returned);
      CHECK_FALSE(code.has_value());
      code = error;
    });
    returned = true;
    for (int i = 0; i < 1000 && !code; ++i) {
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(100));
    }
    REQUIRE(code.has_value());
    return *code;
  }
  void connect() {
    CHECK_FALSE(outcome(session, [](AsyncSession& s, auto handler) {
      s.async_connect(parse_target("ram://1M").value().address, {}, std::move(handler));
    }));
  }
  // Every operation but async_connect.
  std::vector<Operation> operations(LogicalUnit& unit) {
    return {
        [](AsyncSession& s, auto handler) { s.async_reconnect(std::move(handler)); },
        [&](AsyncSession& s, auto handler) {
          s.async_read(unit, 0, boost::asio::buffer(bytes), std::move(handler));
        },
        [&](AsyncSession& s, auto handler) {
          s.async_write(unit, 0, boost::asio::buffer(bytes), std::move(handler));
        },
        [&](AsyncSession& s, auto handler) { s.async_flush(unit, std::move(handler)); },
        [&](AsyncSession& s, auto handler) { s.async_unmap(unit, 0, 1, std::move(handler)); },
        [&](AsyncSession& s, auto handler) { s.async_write_zeroes(unit, 0, 1, std::move(handler)); },
        [&](AsyncSession& s, auto handler) { s.async_abort(unit, std::move(handler)); },
        [&](AsyncSession& s, auto handler) { s.async_reset(unit, std::move(handler)); },
    };
  }

  std::vector<std::byte> bytes = std::vector<std::byte>(4096);
  boost::asio::io_context loop;
  AsyncSession session{loop.get_executor()};
};

// What the call throws.
boost::system::system_error thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const boost::system::system_error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return boost::system::system_error({}, "");
}

bool says(const std::exception& error, const char* words) {
  return std::string(error.what()).find(words) != std::string::npos;
}

// There is no session. `words` says why.
void check_absence(Program& program, AsyncSession& session, const char* words) {
  const auto none = thrown([&] { (void)session.session(); });
  CHECK(none.code() == Errc::wrong_state);
  CHECK(says(none, words));
  CHECK(thrown([&] { (void)session.unit(0); }).code() == Errc::wrong_state);
  const auto done = session.disconnect();
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == Errc::wrong_state);
  CHECK(done.error().detail.find(words) != std::string::npos);

  Program another;  // a unit that is valid, so that only the session is missing
  another.connect();
  for (const auto& operation : program.operations(another.session.unit(0)))
    CHECK(program.outcome(session, operation) == Errc::wrong_state);
  session.erase();  // does nothing
}

}  // namespace

TEST_CASE("before async_connect, every function of the Asio layer reports wrong_state") {
  Program program;
  check_absence(program, program.session, "async_connect");
  program.connect();
}

TEST_CASE("after erase, every function of the Asio layer reports wrong_state and names the erasure") {
  Program program;
  program.connect();
  program.session.erase();
  check_absence(program, program.session, "erased");
  program.connect();
}

TEST_CASE("an AsyncSession that was moved from reports wrong_state, and may be assigned to") {
  Program program;
  program.connect();
  AsyncSession moved(std::move(program.session));
  check_absence(program, program.session, "moved from");
  CHECK(program.session.why().code == Errc::wrong_state);
  CHECK(program.outcome(program.session, [](AsyncSession& s, auto handler) {
    s.async_connect(parse_target("ram://1M").value().address, {}, std::move(handler));
  }) == Errc::wrong_state);
  CHECK(moved.session().state() == SessionState::live);

  program.session = std::move(moved);
  CHECK(program.session.session().state() == SessionState::live);
  auto& itself = program.session;
  program.session = std::move(itself);
  CHECK(program.session.session().state() == SessionState::live);
  program.session = AsyncSession(program.loop.get_executor());  // erases the session that it had
  check_absence(program, program.session, "async_connect");
}

TEST_CASE("operations that are pending during a move complete once") {
  Program program;
  program.connect();
  int completions = 0;
  program.session.async_read(program.session.unit(0), 0, boost::asio::buffer(program.bytes),
                             [&](boost::system::error_code error, std::size_t bytes) {
                               CHECK_FALSE(error);
                               CHECK(bytes == 4096);
                               ++completions;
                             });
  AsyncSession moved(std::move(program.session));
  for (int i = 0; i < 100 && completions == 0; ++i) program.loop.run_one_for(std::chrono::milliseconds(100));
  CHECK(completions == 1);
}

TEST_CASE("a unit that the session does not have is an error, not a crash") {
  Program program;
  program.connect();
  for (const std::size_t index : {std::size_t{1}, std::size_t{99}, ~std::size_t{0}}) {
    const auto error = thrown([&] { (void)program.session.unit(index); });
    CHECK(error.code() == Errc::no_such_lun);
    CHECK(says(error, std::to_string(index).c_str()));
  }
  Program another;
  another.connect();
  const auto operations = program.operations(another.session.unit(0));
  for (std::size_t i = 1; i < operations.size(); ++i)  // the first one, async_reconnect, has no unit
    CHECK(program.outcome(program.session, operations[i]) == Errc::invalid_argument);

  auto& stale = program.session.unit(0);
  program.session.erase();
  program.connect();
  const auto of_stale = program.operations(stale);
  for (std::size_t i = 1; i < of_stale.size(); ++i)
    if (&stale != &program.session.unit(0))  // it may be where the other was
      CHECK(program.outcome(program.session, of_stale[i]) == Errc::invalid_argument);
}

TEST_CASE("a second async_connect is refused, and why() says what to do") {
  Program program;
  program.connect();
  CHECK(program.outcome(program.session, [](AsyncSession& s, auto handler) {
    s.async_connect(parse_target("ram://1M").value().address, {}, std::move(handler));
  }) == Errc::wrong_state);
  CHECK(program.session.why().detail.find("erase") != std::string::npos);
}

TEST_CASE("an error of the Asio layer prints its words, and compares with codes and conditions") {
  Program program;
  program.connect();
  program.session.disconnect().value();
  const auto code = program.outcome(program.session, program.operations(program.session.unit(0))[1]);
  CHECK(code.message() == "not connected");
  CHECK(code == Errc::no_connect);
  CHECK(code != Errc::busy);
  CHECK(code == Condition::retry_same_path);
  CHECK(code != Condition::permanent);
  CHECK(std::error_code(code).category() == error_category());
}
