# shellcheck shell=bash disable=SC2034
# Where things are and how scripts speak; sourced by the scripts beside it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# What `scripts/setup` fetches; git ignores it.
tools=$root/.tools
caddy=$tools/caddy
network=sh0-net
target=${CARGO_TARGET_DIR:-$root/target}
# Debian keeps dockerd, iptables and ip where the PATH of an ordinary user does not look.
PATH=$tools/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
# The classic builder needs no plug-in and no registry for an image `FROM scratch`.
export DOCKER_BUILDKIT=0

say() { printf '%s: %s\n' "${0##*/}" "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# wait_for SECONDS COMMAND…: tries until the command succeeds; 1 when the time is up.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# The engine can hang for good; no call of ours waits for that.
docker_() { timeout 60 docker "$@"; }

engine_answers() { [[ -n $(timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null) ]]; }

# remove_containers LABEL: one after another, because Engine 20.10 can hang when it removes many
# at once.
remove_containers() {
    local container
    for container in $(docker_ ps --all --quiet --no-trunc --filter "label=$1"); do
        docker_ rm --force --volumes "$container" >/dev/null || return 1
    done
}

# build_static: the release build of the agent and of the demo backend, linked statically, so that
# both run in an image `FROM scratch`. `--target` keeps the flag away from procedural macros.
build_static() {
    local triple
    triple=$(rustc -vV | sed -n 's/^host: //p')
    (cd "$root" && RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
        cargo build --quiet --locked --release --target "$triple" --bin sh0-agent --example whoami)
    agent=$target/$triple/release/sh0-agent
    whoami=$target/$triple/release/examples/whoami
}
