#!/bin/sh
# As the official image's: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA and /docker-entrypoint-initdb.d/*.sh.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PATH PGDATA POSTGRES_USER POSTGRES_DB
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" >"$PGDATA.password"
  initdb --username "$POSTGRES_USER" --pwfile "$PGDATA.password" --auth-local trust --auth-host scram-sha-256 >/dev/null
  rm "$PGDATA.password"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl start --wait --options "-c listen_addresses=''" >/dev/null
  createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  for script in /docker-entrypoint-initdb.d/*.sh; do [ ! -f "$script" ] || sh "$script"; done
  pg_ctl stop --wait --mode fast >/dev/null
fi
exec postgres -c "listen_addresses=*" "$@"
