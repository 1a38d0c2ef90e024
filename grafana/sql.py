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
  SELECT bin, label, "group", count, count / nullif(sum(count) OVER (), 0) AS share
  FROM baseline_histogram
  WHERE model = ${model:sqlstring} AND feature = ${feature:sqlstring} AND baseline = ${baseline:sqlstring}::integer
)"""
_GROUPS: Final = """\
named AS (
  SELECT "group", sum(share) AS share, min(bin) AS place, array_agg(label ORDER BY bin) AS labels
  FROM reference
  GROUP BY "group"
),
groups AS (
  SELECT "group", share, place,
    CASE cardinality(labels)
      WHEN 1 THEN labels[1]
      ELSE split_part(labels[1], ',', 1) || ',' || split_part(labels[cardinality(labels)], ',', -1)
    END AS label
  FROM named
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
{_GROUPS},
counted AS (
  SELECT "group", coalesce(sum(newest.count), 0) AS count
  FROM reference LEFT JOIN newest USING (bin)
  GROUP BY "group"
),
shares AS (
  SELECT label, share, counted.count / nullif(sum(counted.count) OVER (), 0) AS observed
  FROM groups JOIN counted USING ("group")
)
SELECT label AS "bins", share AS "baseline", observed AS "newest window", observed - share AS "change"
FROM shares
ORDER BY abs(observed - share) DESC NULLS LAST, label
LIMIT 12"""

BINS: Final = f"""\
WITH {_REFERENCE},
{_GROUPS},
counted AS (
  SELECT $__timeGroup(window_start, $__interval) AS "time", bin, sum(count) AS count
  FROM feature_histogram
{_CHOSEN}
  GROUP BY 1, 2
),
grouped AS (
  SELECT "time", "group", sum(counted.count) AS count
  FROM counted JOIN reference USING (bin)
  GROUP BY 1, 2
)
SELECT
  "time",
  lpad(place::text, 3, '0') || ' ' || label AS "metric",
  (grouped.count / nullif(sum(grouped.count) OVER (PARTITION BY "time"), 0) / share)::float8 AS "value"
FROM grouped JOIN groups USING ("group")
WHERE share > 0
ORDER BY "time", place"""
