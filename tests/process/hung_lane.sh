#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A session whose thread hangs in a name look-up is erased when the look-up ends. Meanwhile the daemon serves all other
# sessions, and its own end does not wait.
source "$(dirname "$0")/lib/daemon.bash"
need nbdinfo

# Tell the sanitizer that this library may be loaded before it.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
[[ -f $SLOW_LOOKUP ]] || fail "$SLOW_LOOKUP was not built"
gate=$scratch/gate
preloaded=(env "LD_PRELOAD=$SLOW_LOOKUP" "SLOW_LOOKUP_GATE=$gate" "$SRP_NBD")
"${preloaded[@]}" --help >/dev/null 2>&1 || skip "nothing can be preloaded here"
"${preloaded[@]}" daemon --foreground 2>>"$scratch/daemon.log" &
daemon_pid=$!
wait_until 10 srp list || fail "the daemon does not answer"

# at_once WORDS COMMAND... - prints WORDS, long before the time limit for the hanging thread.
at_once() {
  local words=$1 begin=${EPOCHREALTIME/./} output took
  shift
  output=$(timeout 20 "$SRP_NBD" "$@" 2>&1) || true
  took=$(((${EPOCHREALTIME/./} - begin) / 1000))
  [[ $output == *"$words"* ]] || fail "$*: expected \"$words\" in: $output"
  ((took < 10000)) || fail "$* took $took ms"
}

srp connect 'srp://storage:5555/?id_ext=1&ioc_guid=2' --name far --no-wait --listen "unix:$scratch/far.sock" >/dev/null
wait_until 20 test -e "$gate.asked" || fail "no name is looked up"
"$SRP_NBD" erase far >"$scratch/erase" 2>&1 &
erase_pid=$!
background_pids+=("$erase_pid")
erasing() { [[ $(srp show far 2>&1 || true) == *'being erased'* ]]; }
wait_until 20 erasing || fail "far is not being erased: $(srp show far)"
at_once far list
at_once near connect ram://4M --name near --listen "unix:$scratch/near.sock"
[[ $(timeout 5 nbdinfo --size "nbd+unix:///lun0?socket=$scratch/near.sock") == 4194304 ]] || fail "near is not served"
at_once "being erased" show far
at_once erased erase near
kill -0 "$erase_pid" 2>/dev/null || fail "erase was answered before the session was gone: $(cat "$scratch/erase")"
touch "$gate"
wait "$erase_pid" || fail "erase: $(cat "$scratch/erase")"
[[ $(srp list) != *far* ]] || fail "far is still there"

# The end of the daemon does not wait for such a session.
rm "$gate" "$gate.asked"
srp connect 'srp://storage:5555/?id_ext=1&ioc_guid=2' --name far --no-wait --listen "unix:$scratch/far.sock" >/dev/null
wait_until 20 test -e "$gate.asked" || fail "no name is looked up"
kill -TERM "$daemon_pid"
wait_until 40 is_gone "$daemon_pid" || fail "the daemon waits for a thread that hangs"
status=0
wait "$daemon_pid" || status=$?
daemon_pid=
((status == 1)) || fail "the daemon ended with $status: expected 1, for what it has left"
[[ ! -e $SRP_NBD_CONTROL ]] || fail "the control socket stayed behind"
