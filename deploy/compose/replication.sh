#!/usr/bin/env bash
# Runs once, when the primary is made: a standby may copy it, from this network alone, and
# from the next start on commits wait for one. Until then they must not, as there is none.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
	-c "ALTER ROLE \"$POSTGRES_USER\" REPLICATION" \
	-c "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'"
echo "host replication all samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
