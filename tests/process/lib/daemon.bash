# SPDX-License-Identifier: Apache-2.0
# What every process test starts with: a scratch folder, a daemon, and checks that say what they saw.
set -euo pipefail

: "${SRP_NBD:?the path of the srp-nbd program}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/srp-nbd-test.XXXXXX")
export SRP_NBD_CONTROL=$scratch/control.sock
daemon_pid=
background_pids=()

clean_up() {
  local status=$?
  trap - EXIT
  for pid in "${background_pids[@]:-}"; do [[ -n $pid ]] && kill "$pid" 2>/dev/null || true; done
  if [[ -n $daemon_pid ]] && kill -0 "$daemon_pid" 2>/dev/null; then
    kill "$daemon_pid" 2>/dev/null || true
    for _ in {1..100}; do kill -0 "$daemon_pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$daemon_pid" 2>/dev/null || true
  fi
  if ((status != 0 && status != 77)) && [[ -f $scratch/daemon.log ]]; then
    echo "--- the daemon's log:" >&2
    tail -40 "$scratch/daemon.log" >&2
  fi
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

fail() { echo "FAILED: $*" >&2; exit 1; }
need() { for tool in "$@"; do command -v "$tool" >/dev/null || { echo "skipped: $tool is missing" >&2; exit 77; }; done; }
srp() { timeout 60 "$SRP_NBD" "$@"; }

# wait_until SECONDS COMMAND... - a deadline for what has no other event to wait for.
wait_until() {
  local tries=$(($1 * 20)); shift
  while ((tries-- > 0)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
  return 1
}

start_daemon() {
  "$SRP_NBD" daemon --foreground "$@" 2>>"$scratch/daemon.log" &
  daemon_pid=$!
  wait_until 10 srp list || fail "the daemon does not answer"
}

stop_daemon() {
  kill -TERM "$daemon_pid"
  local status=0
  wait "$daemon_pid" || status=$?
  daemon_pid=
  ((status == 0)) || fail "the daemon ended with $status"
  [[ ! -e $SRP_NBD_CONTROL ]] || fail "the control socket stayed behind"
}

# expect CODE WORDS COMMAND... - the exit code, and WORDS somewhere in what it printed.
expect() {
  local code=$1 words=$2 status=0 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  ((status == code)) || fail "$*: expected exit code $code, got $status: $output"
  [[ $output == *"$words"* ]] || fail "$*: expected \"$words\" in: $output"
}

state_is() { [[ $(srp show "$1" --json) == *"\"state\":\"$2\""* ]]; }

# talk - standard input to the control socket, the answers to standard output.
talk() { timeout 150 "$CONTROL_TALK" "$SRP_NBD_CONTROL"; }

# json_is FILE POINTER VALUE - VALUE as JSON writes it.
json_is() {
  local found
  found=$("$JSON_AT" "$2" < "$1") || fail "$2 is missing in $(cat "$1")"
  [[ $found == "$3" ]] || fail "$2: expected $3, got $found"
}
