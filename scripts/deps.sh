#!/bin/sh
# Installs what a target needs on Debian and its relatives, and only what is missing. Elsewhere it
# says what is missing. Usage: deps.sh build|test|bench
set -eu

missing=""
need_file() { # header or library that pkg-config or the compiler must find: package, test command...
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "$1" >/dev/null 2>&1; }
has_library() { case $(cc -print-file-name="lib$1.so") in */*) ;; *) return 1 ;; esac; }
node_is_new_enough() { has node && node -e 'process.exit(+process.versions.node.split(".")[0] >= 18 ? 0 : 1)'; }

need_build() {
    need_file build-essential has cc
    need_file make has make
    need_file pkg-config has pkg-config
    need_file libuv1-dev pkg-config --exists libuv
    need_file libssl-dev pkg-config --exists openssl
    need_file libsqlite3-dev pkg-config --exists sqlite3
    need_file libcurl4-openssl-dev pkg-config --exists libcurl
    need_file libcbor-dev pkg-config --exists libcbor
    need_file zlib1g-dev pkg-config --exists zlib
    need_file libexpat1-dev pkg-config --exists expat
    need_file libboost-context-dev has_library boost_context
    need_file nodejs node_is_new_enough
    need_file npm has npm
    need_file bubblewrap has bwrap # around the processes of functions
    need_file tzdata test -e /usr/share/zoneinfo/Europe/Berlin # of schedules
}

need_test() {
    need_file libcmocka-dev pkg-config --exists cmocka
    need_file clang-14 has clang-14
    need_file libclang-rt-14-dev test -n "$(ls /usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a 2>/dev/null)"
    need_file clang-format-14 has clang-format-14
    need_file chromium has chromium
    need_file libnss3-tools has certutil
    need_file openssl has openssl
    need_file curl has curl
    need_file sqlite3 has sqlite3
    need_file python3 has python3
    need_file python3-botocore python3 -c 'import botocore.auth'
    need_file python3-boto3 python3 -c 'import boto3'
    need_file awscli has aws
    need_file s3cmd has s3cmd
    need_file rclone has rclone
    need_file universal-ctags has ctags
    need_file procps has ps
}

need_bench() {
    need_file nginx-light has nginx
    need_file wrk has wrk
}

case "${1:-}" in
build) need_build ;;
test) need_build && need_test ;;
bench) need_build && need_bench ;;
*)
    echo "usage: deps.sh build|test|bench" >&2
    exit 2
    ;;
esac

install() {
    echo "Installing:$missing"
    echo "This may take some minutes."
    export DEBIAN_FRONTEND=noninteractive
    patience="-q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
    # shellcheck disable=SC2086 # lists of words on purpose
    $root apt-get update $patience >/dev/null
    # shellcheck disable=SC2086
    $root apt-get install -y --no-install-recommends $patience $missing >/dev/null
    if ! node_is_new_enough; then
        echo "Node.js 18 or later is needed; $(command -v node) is $(node --version)." >&2
        exit 1
    fi
}

[ -n "$missing" ] || exit 0
root=""
if ! has apt-get; then
    echo "These are missing; install them with your system's package manager:$missing" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    install
elif has sudo; then
    root=sudo
    install
else
    echo "These packages are missing. As root: apt-get update && apt-get install$missing" >&2
    exit 1
fi
