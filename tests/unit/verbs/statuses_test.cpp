// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "verbs/async_events.hpp"
#include "verbs/work_status.hpp"

using namespace srpi;
using namespace srpi::verbs;
using fabric::WorkStatus;

TEST_CASE("only IBV_WC_SUCCESS is success, only IBV_WC_WR_FLUSH_ERR is flushed") {
  for (int status = IBV_WC_SUCCESS; status <= IBV_WC_TM_RNDV_INCOMPLETE + 5; ++status) {
    const WorkStatus mapped = work_status(static_cast<ibv_wc_status>(status));
    CHECK((mapped == WorkStatus::success) == (status == IBV_WC_SUCCESS));
    CHECK((mapped == WorkStatus::flushed) == (status == IBV_WC_WR_FLUSH_ERR));
  }
}

TEST_CASE("retry exceeded, RNR exceeded and NAKs have different statuses") {
  CHECK(work_status(IBV_WC_RETRY_EXC_ERR) == WorkStatus::retry_exceeded);
  CHECK(work_status(IBV_WC_RNR_RETRY_EXC_ERR) == WorkStatus::rnr_exceeded);
  CHECK(work_status(IBV_WC_REM_ACCESS_ERR) == WorkStatus::remote_access);
  CHECK(work_status(IBV_WC_REM_OP_ERR) == WorkStatus::remote_operation);
  CHECK(work_status(IBV_WC_REM_INV_REQ_ERR) == WorkStatus::remote_operation);
  CHECK(work_status(IBV_WC_LOC_LEN_ERR) == WorkStatus::local_error);
  CHECK(work_status(IBV_WC_LOC_PROT_ERR) == WorkStatus::local_error);
  CHECK(work_status(IBV_WC_FATAL_ERR) == WorkStatus::fatal);
}

TEST_CASE("only device events that end a connection have a fatal cause") {
  CHECK(fatal_cause(IBV_EVENT_DEVICE_FATAL, "rxe0", 1)->code == Errc::device_removed);
  CHECK(fatal_cause(IBV_EVENT_PORT_ERR, "rxe0", 1)->code == Errc::unreachable);
  CHECK(fatal_cause(IBV_EVENT_PORT_ERR, "rxe0", 1)->detail == "rxe0/1: the port went down");
  CHECK(fatal_cause(IBV_EVENT_QP_FATAL, "rxe0", 1)->code == Errc::no_connect);
  CHECK(fatal_cause(IBV_EVENT_QP_ACCESS_ERR, "rxe0", 1)->code == Errc::protocol_error);
  CHECK(fatal_cause(IBV_EVENT_CQ_ERR, "rxe0", 1)->code == Errc::no_connect);
  for (const auto harmless :
       {IBV_EVENT_COMM_EST, IBV_EVENT_SQ_DRAINED, IBV_EVENT_PORT_ACTIVE, IBV_EVENT_GID_CHANGE,
        IBV_EVENT_LID_CHANGE, IBV_EVENT_CLIENT_REREGISTER, IBV_EVENT_QP_LAST_WQE_REACHED})
    CHECK_FALSE(fatal_cause(harmless, "rxe0", 1).has_value());
}
