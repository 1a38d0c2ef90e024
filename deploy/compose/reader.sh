#!/bin/sh
# A user for Grafana, who sees the histograms and scores that dashboards draw, and changes nothing. Whoever may look at a
# dashboard may ask its database anything: the rest, rows kept for expectations among it, is none of theirs.
# psql finds the server by PGHOST, PGUSER, PGPASSWORD and PGDATABASE. May run again, and should after an upgrade.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set password="$GRAFANA_PASSWORD" --set database="$PGDATABASE" <<'SQL'
SELECT 'CREATE ROLE grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \gexec
ALTER ROLE grafana LOGIN PASSWORD :'password' CONNECTION LIMIT 10;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
GRANT CONNECT ON DATABASE :"database" TO grafana;
GRANT SELECT ON feature_histogram, baseline_histogram, feature_score TO grafana;
SQL
