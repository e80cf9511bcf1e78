#!/bin/bash
# Runs a client of PostgreSQL, in the pod of database-client.yaml, on the database of DATABASE_MIGRATION_URL. Whoever lists the
# node's processes sees their arguments: the password goes by the environment, as it is and not as a URL spells it.
credentials=${DATABASE_MIGRATION_URL#*://}
credentials=${credentials%%@*}
password=${credentials#*:}
spelled=${password//\\/\\\\}
printf -v PGPASSWORD %b "${spelled//%/\\x}"
export PGPASSWORD
exec "$@" --dbname="${DATABASE_MIGRATION_URL/":$password@"/@}"
