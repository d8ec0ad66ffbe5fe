# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Verified I/O that continues after errors (programs/verified_io.cpp), and the times at which it began to fail and to
# work again.

verified_state=/tmp/verified.state
verified_log=/tmp/verified.log
verified_output=/tmp/verified.out
verified_pid=''

# verified_start DEVICE [MIB [UNIT_KIB [THREADS [MAX_MS]]]]
verified_start() {
    : >$verified_log
    "${SRPI_BUILD:?}/tests/vm/programs/verified_io" run "$1" "${2:-8}" "${3:-16}" "${4:-8}" "${5:-20000}" \
        $verified_state $verified_log >$verified_output 2>&1 &
    verified_pid=$!
    wait_until 20 verified_since good 0
}

# verified_since good|error MICROSECONDS: prints when the outcome first changed to that after the given time.
verified_since() {
    awk -v kind="$1" -v since="$2" '$2 == kind && $1 > since { print $1; found = 1; exit } END { exit !found }' $verified_log
}

# The present time, for verified_since.
verified_works() { [[ $(tail -n 1 $verified_log) == *' good' ]]; }

# True if it still runs, so no wrong byte was read.
verified_is_fine() { kill -0 "$verified_pid" 2>/dev/null || fail "verified I/O: $(cat $verified_output)"; }

# Ends it, and compares the versions with the backing device or file.
# verified_stop [BACKING]
verified_stop() {
    local status=0
    kill -TERM "$verified_pid" 2>/dev/null || true
    wait "$verified_pid" || status=$?
    cat $verified_output
    ((status == 0)) || fail "verified I/O: $(grep WRONG $verified_output | head -n 1)"
    if (($#)); then
        "$SRPI_BUILD/tests/vm/programs/verified_io" check "$1" $verified_state || fail "the bytes on $1"
    fi
}

now_us() { date +%s%6N; }

# minimum_median_maximum FILE: reads microseconds, one per line; prints milliseconds as columns of a table.
minimum_median_maximum() {
    sort -n "$1" | awk '{ n[NR] = $1 / 1000 } END { printf "%.1f | %.1f | %.1f", n[1], n[int((NR + 1) / 2)], n[NR] }'
}
