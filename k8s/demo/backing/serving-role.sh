#!/bin/sh
# The service's own role: it may add to the audit and not change it. `vestibule migrate` grants it what it needs.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$SERVING_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE vestibule_serving LOGIN PASSWORD :'password';
SQL
