#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Garbage, slow senders, endless lines and too many clients at the control socket get an error or are disconnected, and
# neither other clients nor running I/O are affected.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy

start_daemon
srp connect ram://32M --name ram --listen "unix:$scratch/nbd.sock" >/dev/null
copy_until_stopped() {
  until [[ -e $scratch/stop ]]; do
    timeout 60 nbdcopy "nbd+unix:///lun0?socket=$scratch/nbd.sock" null: || { touch "$scratch/io_failed"; return; }
    sleep 0.1
  done
}
copy_until_stopped &
copier=$!
background_pids+=("$copier")

# answers CONDITION: checks the last answer to standard input.
answers() { talk > "$scratch/answer" || true; jq -s -e "last | $1" "$scratch/answer" >/dev/null || fail "expected $1, got: $(cat "$scratch/answer")"; }
answers '.ok == false and .error.code == "bad_request"' < <(echo 'hello')
answers '.error.code == "bad_request"' < <(echo '{"command":"show"}')
answers '.error.code == "no_such_session"' < <(echo '{"command":"show","name":"nobody"}')
answers '.ok == false' < <(head -c 300 /dev/urandom | tr -d '\n'; echo)
answers '.sessions | type == "array"' < <(printf 'x\n{"command":"list"}\n')  # garbage does not end the connection
answers '.error.message | contains("longer than 64 KiB")' < <(head -c 1048576 /dev/zero | tr '\0' 'x')
# A client that sends a byte per second has 5 seconds for the whole line.
answers '.error.message | contains("no whole line within 5 seconds")' < <(for _ in {1..8}; do printf 'x'; sleep 1; done 2>/dev/null)

# With silent clients in all places, the next client gets an error, and the deadline disconnects the silent ones. Nothing
# else may connect before they all have connected, because it would take a place and leave it free again.
mkfifo "$scratch/silence"
exec 9<>"$scratch/silence"
is_crowded() { echo '{"command":"list"}' | talk | jq -e '.error.message | contains("too many control clients")' >/dev/null; }
come_in_crowds() {
  : >"$scratch/crowd"
  "$CONTROL_TALK" --crowd 80 "$SRP_NBD_CONTROL" <"$scratch/silence" >"$scratch/crowd" &
  background_pids+=("$!")
  wait_until 20 test -s "$scratch/crowd" || fail "80 clients cannot connect"
  wait_until 4 is_crowded
}
# A machine that stood still as long as the deadline may have missed it.
come_in_crowds || come_in_crowds || come_in_crowds || fail "80 clients are not too many"
wait_until 15 srp list || fail "silent clients keep others out for good"

state_is ram live || fail "the session suffered"
touch "$scratch/stop"
wait "$copier"
[[ ! -e $scratch/io_failed ]] || fail "I/O failed meanwhile"
stop_daemon
