#!/bin/sh
# Starts a part of Vearch (all, master, router, ps) with the password of the environment in its configuration, which has
# no way of its own to read one.
#   start.sh [OPTIONS of vearch] PART
set -eu

template=${VEARCH_CONFIG:-/etc/vearch/config.toml}
program=${VEARCH_PROGRAM:-/vearch/bin/vearch}
configuration=${VEARCH_RUNTIME_CONFIG:-/tmp/vearch.toml}

refuse() {
    echo "vearch: $1" >&2
    exit 2
}

[ "$#" -ge 1 ] || refuse "say which part to start: all, master, router or ps"
[ -r "$template" ] || refuse "cannot read the configuration $template"
[ -n "${VEARCH_PASSWORD:-}" ] || refuse "VEARCH_PASSWORD is empty: write one into .env (see .env.example)"
# Anything else could end the TOML string, or need escaping in NearID's URL.
case $VEARCH_PASSWORD in
*[!A-Za-z0-9_-]*) refuse "VEARCH_PASSWORD may hold letters, digits, - and _ only" ;;
esac

umask 077
sed "s/@VEARCH_PASSWORD@/$VEARCH_PASSWORD/" "$template" >"$configuration"
exec "$program" -conf "$configuration" "$@"
