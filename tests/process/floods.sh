#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# No target and no client makes the control plane late, whatever it sends without end: `list` answers within a second,
# SIGTERM ends the daemon at once, and neither its memory nor its log grows.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy

# A program with a sanitizer is slow, and keeps freed memory.
seconds=1
grep -aqE '__(asan|tsan|ubsan)_' "$SRP_NBD" && seconds=5

rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$daemon_pid/status"; }
is_prompt() { timeout "$seconds" "$SRP_NBD" list --json > "$scratch/list" && jq -e 'all(.[]; .stale | not)' "$scratch/list" >/dev/null; }

# stands WHAT: the daemon stands the flood that runs. A busy machine may make one answer of three late.
stands() {
  local what=$1 late=0 before after lines
  sleep 1
  before=$(rss)
  for _ in {1..9}; do
    is_prompt || late=$((late + 1))
    sleep 0.2
  done
  ((late <= 3)) || fail "$what: $late of 9 answers were late"
  after=$(rss)
  ((seconds > 1 || after - before < 8192)) || fail "$what: the daemon grows from $before to $after KiB"
  lines=$(wc -l < "$scratch/daemon.log")
  ((lines < 500)) || fail "$what: $lines lines of log"
}

# ends WHAT: with the flood running.
ends() {
  local from=$SECONDS
  stop_daemon
  ((SECONDS - from <= 3 * seconds)) || fail "$1: SIGTERM took $((SECONDS - from)) s"
  mv "$scratch/daemon.log" "$scratch/daemon.log.$1"
  local pid
  for pid in "${background_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  background_pids=()
}

socket=$scratch/nbd.sock
flood() { "$FLOOD" "$@" & background_pids+=("$!"); }
copy_without_end() {
  while :; do timeout 20 nbdcopy "nbd+unix:///lun0?socket=$socket" null: || sleep 0.01; done >/dev/null 2>&1 &
  background_pids+=("$!")
}
follow_without_reading() {
  local fifo=$scratch/unread.$1
  mkfifo "$fifo"
  # shellcheck disable=SC2034  # the descriptor stays open, so that the follower can start
  exec {unread}<>"$fifo"
  "$SRP_NBD" events --json > "$fifo" & background_pids+=("$!")
}

# A target: each kind that the built-in one knows.
for kind in events credits attentions changes logouts; do
  start_daemon
  srp connect "ram://8M?flood=$kind" --name "$kind" --listen "unix:$socket" >/dev/null
  srp connect ram://8M --name calm --listen "unix:$scratch/calm.sock" >/dev/null
  "$SRP_NBD" events "$kind" --json > "$scratch/events.$kind" & background_pids+=("$!")
  follow_without_reading "$kind"
  [[ $kind != attentions && $kind != logouts ]] || copy_without_end
  stands "a target's $kind"
  timeout 20 nbdcopy "nbd+unix:///lun0?socket=$scratch/calm.sock" null: || fail "$kind: another session suffers"
  ends "$kind"
done
for kind in events credits; do
  jq -s -e 'any(.[]; .cause.code? == "protocol_error")' "$scratch/events.$kind" >/dev/null ||
    fail "$kind: the flood does not cost the connection: $(tail -3 "$scratch/events.$kind")"
done
has_event "$scratch/events.attentions" '.kind == "unit_event"' || fail "no event of the attentions"
has_event "$scratch/events.changes" '.kind == "unit_resized"' || fail "no event of the changes"
has_event "$scratch/events.logouts" '.kind == "attempt_failed" or .to == "recovering"' || fail "no loss by the logouts"

# NBD clients that connect and hang up: at once, with garbage, in the negotiation, and in the transmission phase.
newstyle='\0\0\0\1' # the client's flags, then NBD_OPT_EXPORT_NAME "lun0"
option='IHAVEOPT\0\0\0\1\0\0\0\4lun0'
start_daemon
srp connect ram://8M --name ram --listen "unix:$socket" >/dev/null
flood come-and-go 0 "$socket" </dev/null
flood come-and-go 18 "$socket" < <(printf 'hello, hello, hello\n')
flood come-and-go 20 "$socket" < <(printf '%b' "$newstyle")
flood come-and-go 152 "$socket" < <(printf '%b' "$newstyle$option")
stands "NBD clients that come and go"
# One connection: of several, the one that is sent away fails the copy.
timeout 60 bash -c "until nbdcopy --connections=1 'nbd+unix:///lun0?socket=$socket' null: 2>/dev/null; do sleep 0.05; done" || fail "no client gets through"
ends nbd

# Control clients: half orders, garbage, orders whose answers are never read, and followers that come and go.
start_daemon
srp connect ram://8M --name ram --listen "unix:$socket" >/dev/null
flood come-and-go 0 "$SRP_NBD_CONTROL" < <(printf '{"comm')
flood come-and-go 1 "$SRP_NBD_CONTROL" < <(printf 'garbage\n')
flood come-and-go 1 "$SRP_NBD_CONTROL" < <(printf '{"command":"events"}\n')
flood push "$SRP_NBD_CONTROL" < <(printf '{"command":"list"}\n')
stands "control clients"
ends control
