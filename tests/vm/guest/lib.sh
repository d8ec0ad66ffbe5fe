# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash source-path=SCRIPTDIR
#
# The functions for scripts in the guest. Scripts begin with
#
#   source "$SRPI_ROOT/tests/vm/guest/lib.sh"
set -euo pipefail

guest_lib=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# The exit status of a sanitizer's report. srp-nbd does not use it.
export ASAN_OPTIONS=exitcode=99 LSAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1

say() { echo "-- $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# shellcheck source=../../lib/observe.sh
source "$guest_lib/../../lib/observe.sh"

# must_fail COMMAND...: the command must fail.
must_fail() {
    if "$@"; then fail "went well, but must not: $*"; fi
}

# expect_equal WHAT GOT EXPECTED
expect_equal() {
    [[ $2 == "$3" ]] || fail "$1: expected '$3', got '$2'"
}

load_modules() {
    local module
    for module in "$@"; do
        modprobe "$module" || fail "this kernel has no module $module"
    done
}

now_ms() { date +%s%3N; }

# shellcheck source=../guest/rdma.sh
source "$guest_lib/rdma.sh"
# shellcheck source=../guest/disks.sh
source "$guest_lib/disks.sh"
# shellcheck source=../guest/target.sh
source "$guest_lib/target.sh"
# shellcheck source=../guest/ib_srp.sh
source "$guest_lib/ib_srp.sh"
# shellcheck source=../guest/io.sh
source "$guest_lib/io.sh"
# shellcheck source=../guest/two_machines.sh
source "$guest_lib/two_machines.sh"
# shellcheck source=../guest/verified.sh
source "$guest_lib/verified.sh"
# shellcheck source=../guest/srp_nbd.sh
source "$guest_lib/srp_nbd.sh"
