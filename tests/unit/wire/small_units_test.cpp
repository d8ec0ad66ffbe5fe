// SPDX-License-Identifier: Apache-2.0
// Task management, credits, asynchronous events, logouts.
#include <limits>
#include <set>

#include "support.hpp"
#include "wire/async_event.hpp"
#include "wire/command.hpp"
#include "wire/credit.hpp"
#include "wire/logout.hpp"
#include "wire/task_management.hpp"

using namespace srpi;
using namespace srpi::wire;
using namespace support;

namespace {
TaskManagement golden_abort() {
  return {0xcc, 0x0003000000000000, TaskFunction::abort_task, 0x0102030405060708, kNotifyOnSuccess};
}
}  // namespace

TEST_CASE("small units: golden bytes in both directions") {
  CHECK(encoded(golden_abort()) == golden::kAbortTask);
  CHECK(decode_task_management(golden::kAbortTask).value() == golden_abort());

  const CreditRequest credit_request{0xdd, -16, true};
  CHECK(encoded(credit_request) == golden::kCreditRequest);
  CHECK(decode_credit_request(golden::kCreditRequest).value() == credit_request);

  CHECK(encoded(CreditResponse{0xdd}) == golden::kCreditResponse);
  CHECK(decode_credit_response(golden::kCreditResponse).value() == CreditResponse{0xdd});

  CHECK(encoded(AsyncEventResponse{0xdd}) == golden::kAsyncEventResponse);
  CHECK(decode_async_event_response(golden::kAsyncEventResponse).value() == AsyncEventResponse{0xdd});

  CHECK(encoded(InitiatorLogout{0xff}) == golden::kInitiatorLogout);
  CHECK(decode_initiator_logout(golden::kInitiatorLogout).value() == InitiatorLogout{0xff});

  const TargetLogout target_logout{0xee, LogoutReason::inactive, true};
  CHECK(encoded(target_logout) == golden::kTargetLogout);
  CHECK(decode_target_logout(golden::kTargetLogout).value() == target_logout);
}

TEST_CASE("an asynchronous event: golden bytes in both directions") {
  const auto sense = golden::hex("72062a09");
  AsyncEventRequest r;
  r.tag = 0xdd;
  r.request_limit_delta = 3;
  r.lun = 0x0001000000000000;
  r.solicited = true;
  r.sense = sense;
  CHECK(encoded(r) == golden::kAsyncEventRequest);

  const auto d = decode_async_event_request(golden::kAsyncEventRequest);
  REQUIRE(d);
  CHECK(d->tag == r.tag);
  CHECK(d->request_limit_delta == 3);
  CHECK(d->lun == r.lun);
  CHECK(d->solicited);
  CHECK(same_bytes(d->sense, sense));
}

TEST_CASE("row 10: small units cut at every byte are protocol errors") {
  check_every_cut(golden::kAbortTask, decode_task_management);
  check_every_cut(golden::kCreditRequest, decode_credit_request);
  check_every_cut(golden::kCreditResponse, decode_credit_response);
  check_every_cut(golden::kAsyncEventRequest, decode_async_event_request);
  check_every_cut(golden::kAsyncEventResponse, decode_async_event_response);
  check_every_cut(golden::kInitiatorLogout, decode_initiator_logout);
  check_every_cut(golden::kTargetLogout, decode_target_logout);
}

TEST_CASE("row 10: small units with the wrong opcode are protocol errors") {
  check_wrong_opcodes(golden::kAbortTask, decode_task_management);
  check_wrong_opcodes(golden::kCreditRequest, decode_credit_request);
  check_wrong_opcodes(golden::kCreditResponse, decode_credit_response);
  check_wrong_opcodes(golden::kAsyncEventRequest, decode_async_event_request);
  check_wrong_opcodes(golden::kAsyncEventResponse, decode_async_event_response);
  check_wrong_opcodes(golden::kInitiatorLogout, decode_initiator_logout);
  check_wrong_opcodes(golden::kTargetLogout, decode_target_logout);
}

TEST_CASE("row 10: sense data beyond the received asynchronous event is a protocol error") {
  auto unit = golden::kAsyncEventRequest;
  unit[31] = std::byte{5};
  CHECK(decode_async_event_request(unit).error().detail ==
        "SRP_AER_REQ: sense length 5 exceeds the 4 bytes left of 40 received");
  for (std::size_t i = 28; i < 32; ++i) unit[i] = std::byte{0xff};
  CHECK(decode_async_event_request(unit).has_error());
}

TEST_CASE("decoding an encoded small unit yields the same values") {
  base::Random random(6);
  for (int i = 0; i < 1000; ++i) {
    const auto tag = random.next();
    const auto delta = static_cast<std::int32_t>(random.next());
    const bool flag = random.chance(1, 2);
    const TaskManagement task{tag, random.next(), static_cast<TaskFunction>(random.next()), random.next(),
                              static_cast<std::uint8_t>(random.below(4) << 1)};
    REQUIRE(decode_task_management(encoded(task)).value() == task);
    const CreditRequest credit{tag, delta, flag};
    REQUIRE(decode_credit_request(encoded(credit)).value() == credit);
    REQUIRE(decode_credit_response(encoded(CreditResponse{tag}))->tag == tag);
    REQUIRE(decode_async_event_response(encoded(AsyncEventResponse{tag}))->tag == tag);
    REQUIRE(decode_initiator_logout(encoded(InitiatorLogout{tag}))->tag == tag);
    const TargetLogout logout{tag, static_cast<LogoutReason>(random.next()), flag};
    REQUIRE(decode_target_logout(encoded(logout)).value() == logout);

    const auto sense = random_bytes(random, random.below(40));
    AsyncEventRequest event;
    event.tag = tag;
    event.request_limit_delta = delta;
    event.lun = random.next();
    event.solicited = flag;
    event.sense = sense;
    const auto unit = encoded(event);
    const auto d = decode_async_event_request(unit);
    REQUIRE(d);
    REQUIRE(same_bytes(d->sense, sense));
    REQUIRE(encoded(*d) == unit);
  }
}

TEST_CASE("row 15: request limit deltas keep their sign over their whole range") {
  for (const auto delta :
       {std::numeric_limits<std::int32_t>::min(), -1, 0, 1, std::numeric_limits<std::int32_t>::max()})
    CHECK(decode_credit_request(encoded(CreditRequest{1, delta, false}))->request_limit_delta == delta);
}

TEST_CASE("each enumerator has its own text") {
  std::set<std::string> functions;
  for (const auto f : {TaskFunction::abort_task, TaskFunction::abort_task_set, TaskFunction::clear_task_set,
                       TaskFunction::lun_reset, TaskFunction::clear_aca}) {
    CHECK(is_known(f));
    functions.insert(to_string(f));
  }
  CHECK_FALSE(is_known(static_cast<TaskFunction>(3)));
  functions.insert(to_string(static_cast<TaskFunction>(3)));
  CHECK(functions.size() == 6);

  std::set<std::string> results;
  for (unsigned r : {0u, 2u, 4u, 5u, 7u}) results.insert(to_string(static_cast<TaskResult>(r)));
  CHECK(results.size() == 5);

  std::set<std::string> reasons;
  for (std::uint32_t r : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u})
    reasons.insert(to_string(static_cast<LogoutReason>(r)));
  CHECK(reasons.size() == 9);
}

TEST_CASE("to_string of small units") {
  CHECK(to_string(golden_abort()) ==
        "SRP_TSK_MGMT tag 0x00000000000000cc LUN 3 function 0x01 (ABORT TASK) of tag 0x0102030405060708");
  TaskManagement reset;
  reset.function = TaskFunction::lun_reset;
  CHECK(to_string(reset) == "SRP_TSK_MGMT tag 0x0000000000000000 LUN 0 function 0x08 (LOGICAL UNIT RESET)");
  CHECK(to_string(CreditRequest{0xdd, -16, true}) ==
        "SRP_CRED_REQ tag 0x00000000000000dd request limit -16 solicited");
  CHECK(to_string(CreditResponse{0xdd}) == "SRP_CRED_RSP tag 0x00000000000000dd");
  CHECK(to_string(*decode_async_event_request(golden::kAsyncEventRequest)) ==
        "SRP_AER_REQ tag 0x00000000000000dd LUN 1 request limit +3 sense 72 06 2a 09 solicited");
  contains(to_string(AsyncEventRequest{}), "sense none");
  CHECK(to_string(AsyncEventResponse{0xdd}) == "SRP_AER_RSP tag 0x00000000000000dd");
  CHECK(to_string(InitiatorLogout{0xff}) == "SRP_I_LOGOUT tag 0x00000000000000ff");
  CHECK(to_string(TargetLogout{0xee, LogoutReason::inactive, true}) ==
        "SRP_T_LOGOUT tag 0x00000000000000ee reason 1 (the RDMA channel was inactive) solicited");
}
