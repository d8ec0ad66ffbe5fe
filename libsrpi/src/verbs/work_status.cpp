// SPDX-License-Identifier: Apache-2.0
#include "verbs/work_status.hpp"

namespace srpi::verbs {

fabric::WorkStatus work_status(ibv_wc_status status) noexcept {
  using fabric::WorkStatus;
  switch (status) {
    case IBV_WC_SUCCESS: return WorkStatus::success;
    case IBV_WC_WR_FLUSH_ERR: return WorkStatus::flushed;
    case IBV_WC_RETRY_EXC_ERR:
    case IBV_WC_RESP_TIMEOUT_ERR: return WorkStatus::retry_exceeded;
    case IBV_WC_RNR_RETRY_EXC_ERR: return WorkStatus::rnr_exceeded;
    case IBV_WC_REM_ACCESS_ERR: return WorkStatus::remote_access;
    case IBV_WC_REM_INV_REQ_ERR:
    case IBV_WC_REM_OP_ERR:
    case IBV_WC_REM_INV_RD_REQ_ERR:
    case IBV_WC_REM_ABORT_ERR: return WorkStatus::remote_operation;
    case IBV_WC_LOC_LEN_ERR:
    case IBV_WC_LOC_QP_OP_ERR:
    case IBV_WC_LOC_EEC_OP_ERR:
    case IBV_WC_LOC_PROT_ERR:
    case IBV_WC_LOC_ACCESS_ERR:
    case IBV_WC_LOC_RDD_VIOL_ERR:
    case IBV_WC_MW_BIND_ERR:
    case IBV_WC_BAD_RESP_ERR:
    case IBV_WC_INV_EECN_ERR:
    case IBV_WC_INV_EEC_STATE_ERR: return WorkStatus::local_error;
    case IBV_WC_FATAL_ERR:
    case IBV_WC_GENERAL_ERR:
    default: return WorkStatus::fatal;
  }
}

}  // namespace srpi::verbs
