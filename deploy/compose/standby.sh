#!/usr/bin/env bash
# Copies the primary at the first start, and follows it.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	pg_basebackup -h primary -U astrohook -D "$PGDATA" -R -C -S standby -X stream
	chmod 700 "$PGDATA"
fi
exec postgres -c max_wal_size=2GB
