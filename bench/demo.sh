#!/bin/bash
# The main job, live: the generator beats for a fleet over net_memif into the dataplane, kills some of
# it, and judges what control tells its subscribers. `demo.sh [SCENARIO]`; without one a million
# endpoints. Called by `./run demo` after the build, and by detection.py. Ends by itself, within three
# minutes; its last line and its status are the judge's. Leaves nothing behind but, after a failure,
# the logs.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

scenario=$(readlink -f "${1:-bench/generator/demo.toml}")
bin=$PWD/.build
instance=demo-$$
dir=$(mktemp -d "/tmp/flatline-$instance.XXXXXX")
pids=()

cleanup() {
  local status=$?
  trap - EXIT INT TERM HUP
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    timeout 10 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  awk '$3 == "hugetlbfs" {print $2} END {print "/dev/shm"}' /proc/mounts | while read -r mount; do
    rm -f "$mount/flatline-$instance" "$mount/${instance}map_"*
  done
  if [ "$status" -eq 0 ]; then rm -rf "$dir"; else echo "demo: logs are kept in $dir" >&2; fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# Control needs no privilege: as root it is started as nobody.
unprivileged=() group="" user=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
  user=nobody group=$(id -gn nobody)
  unprivileged=(setpriv --reuid=nobody --regid="$group" --clear-groups --no-new-privs)
  chown "nobody:$group" "$dir"
fi
chmod 755 "$dir"
region=auto
[ -w /dev/shm ] || region=$dir # a chroot without it

cat >"$dir/flatline.toml" <<CONFIG
instance = "$instance"
region_directory = "$region"
region_group = "$group"
[dataplane]
endpoints = 1_048_576
enrolment_time = "1s" # they come all at once
default_profile = "database"
[[port]]
device = "net_memif0,role=server,id=0,socket=$dir/memif.sock,socket-abstract=no,rsize=12"
promiscuous = true
[control]
listen = []
socket = "$dir/control.sock"
journal = "$dir/journal"
[[profile]]
id = 16
name = "ten-milliseconds"
interval = "10ms"
CONFIG

# start NAME LINE COMMAND...: in the background, until its log says LINE or it dies
start() {
  local name=$1 line=$2 pid
  shift 2
  "$@" >"$dir/$name.log" 2>&1 &
  pid=$!
  pids=("$pid" "${pids[@]}")
  for ((i = 0; i < 600; i++)); do
    if grep -qE "$line" "$dir/$name.log"; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "demo: $name did not start:" >&2
  tail -5 "$dir/$name.log" >&2
  exit 1
}

start flatline-dataplane 'hearing: ' "$bin/dataplane/flatline-dataplane" --config "$dir/flatline.toml"
start flatline-control 'joined ' \
  "${unprivileged[@]}" "$bin/control/flatline-control" --config "$dir/flatline.toml"

pages="on huge pages"
grep -q -e --no-huge "$dir/flatline-dataplane.log" && pages="without huge pages"
echo "demo: dataplane $pages, control as $user"
echo "demo: to look inside, in another terminal:  $bin/control/cli/flatline top --config $dir/flatline.toml"
timeout -k 5 170 "$bin/bench/generator/flatline-generator" --scenario "$scenario" \
  --port "net_memif0,role=client,id=0,socket=$dir/memif.sock,socket-abstract=no,rsize=12" \
  --judge "unix:$dir/control.sock"
