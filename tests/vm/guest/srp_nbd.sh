# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2120
#
# The program under test, as it was built in $SRPI_BUILD, and the devices it makes.

srp_control=/run/srp-nbd-test.sock
srp_log=/run/srp-nbd-test.log
srp_initiator=00000000000000cc0000000000000001     # permitted by the target's access list
srp_daemon_pid=''

srp_program() {
    local program=${SRPI_BUILD:?}/bin/srp-nbd
    [[ -x $program ]] || fail "$program was not built"
    echo "$program"
}

# srp COMMAND...: a command line of srp-nbd with a time limit.
srp() {
    local program
    program=$(srp_program)
    timeout 60 "$program" "$1" --control "$srp_control" "${@:2}"
}

# srp_follow FILE: the events of the session "disk", one JSON object per line, until the daemon ends.
srp_follow() {
    : >"$1"
    "$(srp_program)" events disk --json --control "$srp_control" >"$1" 2>/dev/null &
    wait_until 10 test -s "$1"
}

# srp_start [COMMAND]...: starts the daemon, by that command if one is given.
srp_start() {
    local program
    program=$(srp_program)
    : >"$srp_log"
    "$@" "$program" daemon --foreground --control "$srp_control" 2>>"$srp_log" &
    srp_daemon_pid=$!
    trap 'srp_log_on_failure $?' EXIT
    wait_until 20 srp list
}

# After a failed case, print the end of the daemon's log.
srp_log_on_failure() {
    (($1 == 0)) || { echo "--- srp-nbd's log:"; tail -n 15 "$srp_log" | cut -c 1-250; }
}

# Ends the daemon and checks: status 0, no device and no socket left.
srp_stop() {
    local status=0
    kill -TERM "$srp_daemon_pid"
    wait "$srp_daemon_pid" || status=$?
    expect_equal "exit status of the daemon" "$status" 0
    [[ ! -e $srp_control ]] || fail "the control socket is still there"
    expect_equal "nbd devices in use" "$(nbd_in_use)" ''
}

# Starts the usual target, permits us, and connects as "disk": LUN 0 is /dev/nbd0, LUN 1 is /dev/nbd1.
# srp_connect_usual [CONNECT_OPTION]...
srp_connect_usual() {
    load_modules nbd
    target_start_usual
    target_permit "$srp_initiator"
    srp_start
    srp_connect "$@"
}

srp_connect() {
    srp connect "$(target_uri)" --name disk --initiator-port-id "$srp_initiator" "$@"
}

srp_state_is() { state_is disk "$1"; }

# srp_counter NAME: prints this counter of the session "disk".
srp_counter() {
    local tries counter
    for ((tries = 0; tries < 20; tries++)); do
        counter=$(of_session disk "if .stale then empty else .counters.$1 end")
        if [[ -n $counter ]]; then echo "$counter"; return; fi
    done
    fail "no counter $1: $(srp show disk --json)"
}

# srp_commands_above NUMBER: true if the session has carried more commands than that.
srp_commands_above() { (($(srp_counter commands) > $1)); }

# srp_refused WORDS COMMAND...: the command must fail with these words.
srp_refused() {
    local words=$1 output
    shift
    if output=$(srp "$@" 2>&1); then fail "went well, but must not: srp-nbd $*"; fi
    [[ $output == *"$words"* ]] || fail "srp-nbd $*: expected '$words' in: $output"
    echo "$output"
}

nbd_in_use() {
    local pid
    for pid in /sys/block/nbd*/pid; do
        [[ ! -e $pid ]] || { pid=${pid%/pid}; echo "${pid##*/}"; }
    done
}
