"""What the dashboards ask Postgres, through the views feature_histogram and baseline_histogram."""

# ruff: noqa: S608 - Grafana fills in the words and quotes them

from typing import Final

_CHOSEN: Final = """\
  WHERE model = ${model:sqlstring}
    AND version IN (${version:sqlstring})
    AND feature = ${feature:sqlstring}
    AND $__timeFilter(window_start)"""
_NEWEST: Final = f"""\
newest AS (
  SELECT bin, sum(count) AS count
  FROM feature_histogram
{_CHOSEN}
    AND window_start = (
      SELECT max(window_start) FROM feature_histogram
    {_CHOSEN.replace(chr(10), chr(10) + "    ")}
    )
  GROUP BY bin
)"""
_REFERENCE: Final = """\
reference AS (
  SELECT bin, label, count, count / nullif(sum(count) OVER (), 0) AS share
  FROM baseline_histogram
  WHERE model = ${model:sqlstring} AND feature = ${feature:sqlstring} AND baseline = ${baseline:sqlstring}::integer
)"""

SHARES: Final = f"""\
WITH {_REFERENCE},
{_NEWEST}
SELECT
  label,
  share AS "baseline",
  coalesce(newest.count, 0) / nullif(sum(newest.count) OVER (), 0) AS "newest window"
FROM reference LEFT JOIN newest USING (bin)
ORDER BY bin"""

MOVED: Final = f"""\
WITH {_REFERENCE},
{_NEWEST},
shares AS (
  SELECT label, share, coalesce(newest.count, 0) / nullif(sum(newest.count) OVER (), 0) AS observed
  FROM reference LEFT JOIN newest USING (bin)
)
SELECT label AS "bin", share AS "baseline", observed AS "newest window", observed - share AS "change"
FROM shares
ORDER BY abs(observed - share) DESC NULLS LAST, label
LIMIT 12"""

BINS: Final = f"""\
WITH {_REFERENCE},
counted AS (
  SELECT $__timeGroup(window_start, $__interval) AS "time", bin, sum(count) AS count
  FROM feature_histogram
{_CHOSEN}
  GROUP BY 1, 2
)
SELECT
  "time",
  lpad(bin::text, 3, '0') || ' ' || label AS "metric",
  (counted.count / nullif(sum(counted.count) OVER (PARTITION BY "time"), 0) / nullif(share, 0))::float8 AS "value"
FROM counted JOIN reference USING (bin)
WHERE share > 0
ORDER BY "time", bin"""
