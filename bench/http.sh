#!/bin/sh
# Requests per second of a keep-alive GET of 13 bytes, beside nginx (one worker) serving a file of
# the same size, each measured three times in turn; with strace also the system calls per request.
# Usage: bench/http.sh SERVER   (BENCH_SECONDS per measurement, BENCH_CONNECTIONS)
set -eu
server=$1
seconds=${BENCH_SECONDS:-5}
connections=${BENCH_CONNECTIONS:-64}
folder=$(mktemp -d)
mkfifo "$folder/input"
pids=
trap 'exec 3>&- || true; for pid in $pids; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT PIPE TERM # so that the above runs as well

"$server" <"$folder/input" >"$folder/port" &
ours=$!
exec 3>"$folder/input" # the server ends when this does
until grep -q PORT "$folder/port"; do sleep 0.05; done
port=$(sed -n 's/PORT //p' "$folder/port")

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

start_nginx() {
    peer=$(free_port)
    mkdir "$folder/www"
    printf 'hello, world\n' >"$folder/www/hello"
    cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
error_log $folder/error.log;
$([ "$(id -u)" = 0 ] && echo 'user root;')
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 100000000;
    open_file_cache max=100;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    server { listen 127.0.0.1:$peer; root $folder/www; }
}
CONF
    nginx -c "$folder/nginx.conf" 2>"$folder/nginx.log" 3>&- &
    pids="$pids $!"
    until curl -s -o /dev/null "http://127.0.0.1:$peer/hello"; do sleep 0.05; done
    worker=$(cat "/proc/$!/task/$!/children" | tr -d ' ')
}

# Clock ticks (1/100 s) of CPU a process has used.
ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# "requests-per-second cpu-microseconds-per-request" of process $1 at port $2. The second figure is the
# one to trust on a busy machine.
rate() {
    before=$(ticks "$1")
    wrk -t1 -c "$connections" -d "${seconds}s" "http://127.0.0.1:$2/hello" >"$folder/wrk"
    grep -E 'Socket errors|Non-2xx' "$folder/wrk" >&2 || true
    awk -v ticks="$(($(ticks "$1") - before))" '
        /requests in/ { count = $1 }
        /^Requests\/sec/ { printf "%d %.2f\n", $2, ticks * 10000 / count }' "$folder/wrk"
}

if command -v nginx >/dev/null; then
    start_nginx
    for round in 1 2 3; do
        { rate "$ours" "$port"; rate "$worker" "$peer"; } | tr '\n' ' ' | awk -v round=$round '{
            printf "round %d: ampd %d/s, nginx %d/s, ratio %.2f; CPU per request %.2f us, %.2f us, ratio %.2f\n",
                round, $1, $3, $1 / $3, $2, $4, $4 / $2 }'
    done
else
    echo "ampd $(rate "$ours" "$port") (nginx is not installed: no comparison)"
fi

if command -v strace >/dev/null; then
    strace -f -c -o "$folder/calls" -p "$ours" 2>/dev/null &
    tracer=$!
    pids="$pids $tracer"
    sleep 0.5
    wrk -t1 -c "$connections" -d 2s "http://127.0.0.1:$port/hello" >"$folder/wrk"
    kill -INT "$tracer"
    wait "$tracer" || true
    requests=$(awk '/requests in/ { print $1 }' "$folder/wrk")
    echo "system calls per request (of $requests):"
    awk -v n="$requests" '$4 ~ /^[0-9]+$/ && $NF != "total" { printf "  %-12s %.3f\n", $NF, $4 / n }' "$folder/calls"
fi
