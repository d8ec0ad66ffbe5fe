#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# the built-in target over RDMA does what Linux's never does: no or short receives, too long units, SRP_AER_REQ, SRP_T_LOGOUT
#
# rows: 4 11 16
# timeout: 240
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

port=5566
answers=/tmp/answers
answers_above() { (($(wc -l <$answers) > $1)); }
# order COMMAND...: sends a command to programs/rdma_target and prints its result.
order() {
    local before
    before=$(wc -l <$answers)
    echo "$*" >&3
    wait_until 20 answers_above "$before"
    tail -n 1 $answers | sed 's/^[^:]*: //'
}
counter_above() { (($(srp_counter "$1") > $2)); }
# The counter of "receiver not ready" acknowledgements.
not_ready() { cat "/sys/class/infiniband/$rdma_device/ports/1/hw_counters/rcvd_rnr_err"; }
not_ready_above() { (($(not_ready) > $1)); }
errors_seen() { awk '$2 == "error"' $verified_log | wc -l; }

# costs_a_session WORDS ORDER...: the order causes one loss with this cause and EIO, and the session recovers by itself.
costs_a_session() {
    local words=$1 before begin
    shift
    before=$(srp_counter losses)
    begin=$(now_us)
    order "$@"
    wait_until 20 counter_above losses "$before"
    wait_until 20 verified_since error "$begin"
    wait_until 20 srp_state_is live
    wait_until 20 verified_since good "$(verified_since error "$begin")"
    verified_is_fine
    expect_equal "losses" "$(srp_counter losses)" $((before + 1))
    events_of /tmp/events '.to == "recovering"' | tail -n 1 | tee /tmp/cause
    jq -e ".cause.message | contains(\"$words\")" /tmp/cause >/dev/null || fail "the cause: expected '$words'"
}

rdma_start
load_modules nbd
mkfifo /tmp/orders
: >$answers
"$SRPI_BUILD/tests/vm/programs/rdma_target" "$rdma_address" $port 16 </tmp/orders >>$answers 2>&1 &
exec 3>/tmp/orders
wait_until 20 grep -q listening $answers
srp_start
srp connect "srp://$rdma_address:$port/?id_ext=00000000000000dd&ioc_guid=00000000000000dd" --name disk --reconnect-delay 1000 \
    --command-timeout 4000 --task-management-timeout 1000
srp_follow /tmp/events
# 4 s for the command, 1 s each for its abort and the reset of the unit, then the connection ends; plus some time for the
# emulated machine.
verified_start /dev/nbd0 8 16 8 12000

say "an event and a credit: answered, told of, nothing lost"
order event
order credit
answered() { [[ $(order counters) == *" target_answers=2 "* ]]; }
wait_until 10 answered
wait_until 10 has_event /tmp/events '.event == "logical_units_changed"'

say "no receives for a moment: tried again, nobody notices"
before=$(not_ready)
order withhold
wait_until 20 not_ready_above "$before"
order give
sleep 1
expect_equal "losses" "$(srp_counter losses)" 0
expect_equal "errors" "$(errors_seen)" 0
verified_is_fine

# The transport retries without limit, as with ib_srp. The command's deadline ends that.
say "no receives any more"
costs_a_session 'no answer to' withhold
say "receives that a command does not fit into"
costs_a_session 'remote operation error' shorten 20
say "a unit that no receive of ours takes"
costs_a_session 'local error' raw 65536
say "SRP_T_LOGOUT"
costs_a_session 'logged us out' logout
expect_equal "violations and logins" "$(order counters | cut -d ' ' -f 1,2)" "logins=5 violations=0"

verified_stop
expect_equal "dump" "$(order dump /tmp/dump)" 'done'
"$SRPI_BUILD/tests/vm/programs/verified_io" check /tmp/dump $verified_state || fail "the bytes at the target"
srp erase disk
srp_stop
exec 3>&-
