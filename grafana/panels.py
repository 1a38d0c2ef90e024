"""Panels in the house style, each with title, description and unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.variables import SQL_TYPE

SOURCE: Final = shared.DataSourceRef(type_val="prometheus", uid="${datasource}")
SQL_SOURCE: Final = shared.DataSourceRef(type_val=SQL_TYPE, uid="${sql}")
LETTERS: Final = "ABCDEFGHIJ"

AnyPanel = barchart.Panel | stat.Panel | statetimeline.Panel | statushistory.Panel | table.Panel | timeseries.Panel
Described = TypeVar(
    "Described",
    barchart.Panel,
    stat.Panel,
    statetimeline.Panel,
    statushistory.Panel,
    table.Panel,
    timeseries.Panel,
)
Query = tuple[str, str]
"""An expression and the legend of its series."""
Link = tuple[str, str]
"""What a link says, and its address."""
Colors = Sequence[tuple[float | None, str]]
"""Where each colour begins; the first without a beginning."""
States = dict[int, tuple[str, str]]
"""A state's number, its word and its colour."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its head, its query and how its numbers are shown."""

    title: str
    query: str
    unit: str
    limits: tuple[float, ...] = ()
    words: States | None = None
    decimals: int = 0


def _described(panel: Described, title: str, description: str, *, unit: str, size: tuple[int, int]) -> Described:
    width, height = size
    return panel.title(title).description(description).unit(unit).span(width).height(height).no_value("no data")


def _target(letter: str, query: Query, *, instant: bool = False) -> prometheus.Dataquery:
    expr, legend = query
    target = prometheus.Dataquery().ref_id(letter).expr(expr).legend_format(legend).datasource(SOURCE)
    return target.instant() if instant else target.range()


def _legend() -> common.VizLegendOptions:
    mode, place = shared.LegendDisplayMode.LIST, shared.LegendPlacement.BOTTOM
    return common.VizLegendOptions().display_mode(mode).placement(place).show_legend(show_legend=True)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI).sort(shared.SortOrder.DESCENDING)


def lines(  # noqa: PLR0913 - what is shown, and how
    title: str, description: str, queries: list[Query], *, unit: str, width: int = 12, top: float | None = None
) -> timeseries.Panel:
    """Series over time; legends that end in `line` are dashed limits; the axis shows 0 to `top` at least."""
    panel = timeseries.Panel().datasource(SOURCE).legend(_legend()).tooltip(_tooltip()).line_width(1).fill_opacity(0)
    panel.show_points(shared.VisibilityMode.AUTO).span_nulls(span_nulls=False)
    for letter, query in zip(LETTERS, queries, strict=False):
        panel.with_target(_target(letter, query))
    if top is not None:
        panel.axis_soft_min(0).axis_soft_max(top)
    dashes = {"fill": "dash", "dash": [6, 6]}
    for word, color in (("critical", "red"), ("warning", "orange"), ("silence", "red")):
        panel.override_by_regexp(
            f"/{word} line$/",
            [
                DynamicConfigValue("custom.lineStyle", dashes),
                DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
                DynamicConfigValue("custom.showPoints", "never"),
            ],
        )
    return _described(panel, title, description, unit=unit, size=(width, 8))


def shares(title: str, description: str, query: Query, *, colors: dict[str, str], width: int = 12) -> timeseries.Panel:
    """Stacked counts over time, each word in its colour."""
    panel = timeseries.Panel().datasource(SOURCE).legend(_legend()).tooltip(_tooltip()).fill_opacity(60).line_width(0)
    panel.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL)).with_target(_target("A", query))
    for word, color in colors.items():
        panel.override_by_name(word, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})])
    return _described(panel, title, description, unit="none", size=(width, 8))


def tile(title: str, description: str, query: Query, *, unit: str, limits: tuple[float, ...] = ()) -> stat.Panel:
    """One number now; `limits` are where it turns orange and red."""
    panel = stat.Panel().datasource(SOURCE).with_target(_target("A", query, instant=True))
    panel.graph_mode(shared.BigValueGraphMode.NONE).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(_steps(limits)).color_scheme(_by_threshold())
    return _described(panel, title, description, unit=unit, size=(4, 4))


def name_tile(title: str, description: str, query: Query) -> stat.Panel:
    """One label value now."""
    panel = tile(title, description, query, unit="none")
    return panel.text_mode(shared.BigValueTextMode.NAME)


def heat(title: str, description: str, query: Query, *, limits: tuple[float, ...]) -> statushistory.Panel:
    """One row a feature, one cell a moment, coloured by its value."""
    panel = statushistory.Panel().datasource(SOURCE).with_target(_target("A", query)).tooltip(_tooltip())
    panel.thresholds(_steps(limits)).color_scheme(_by_threshold()).show_value(shared.VisibilityMode.NEVER)
    return _described(panel, title, description, unit="short", size=(24, 10))


def timeline(title: str, description: str, query: Query, *, words: States) -> statetimeline.Panel:
    """One row a series, one colour a state."""
    panel = statetimeline.Panel().datasource(SOURCE).with_target(_target("A", query)).mappings([named(words)])
    panel.show_value(shared.VisibilityMode.NEVER).merge_values(merge_values=True).legend(_legend()).tooltip(_tooltip())
    return _described(panel, title, description, unit="none", size=(24, 8))


def bars(title: str, description: str, sql: str, *, height: int = 10, width: int = 24) -> barchart.Panel:
    """Shares by bin, straight from Postgres."""
    panel = barchart.Panel().datasource(SQL_SOURCE).x_field("label").legend(_legend()).tooltip(_tooltip())
    panel.with_target(asked(sql)).x_tick_label_rotation(-45)
    return _described(panel, title, description, unit="percentunit", size=(width, height))


def bin_heat(title: str, description: str, sql: str, *, colors: Colors) -> statushistory.Panel:
    """One row a bin, one cell a moment, straight from Postgres."""
    panel = statushistory.Panel().datasource(SQL_SOURCE).with_target(asked(sql, time=True)).tooltip(_tooltip())
    steps = [Threshold(value=value, color=color) for value, color in colors]
    absolute = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    panel.thresholds(absolute).color_scheme(_by_threshold()).show_value(shared.VisibilityMode.NEVER)
    panel.decimals(2)
    return _described(panel, title, description, unit="none", size=(24, 10))


def grid(title: str, description: str, columns: Sequence[Column], *, by: str, links: Sequence[Link]) -> table.Panel:
    """One row a value of the label `by`, one column a query; the row's name carries the links."""
    panel = table.Panel().datasource(SOURCE).color_scheme(_by_threshold())
    panel.sort_by([common.TableSortByFieldState().display_name(columns[0].title).desc(desc=True)])
    names = {by: by.capitalize()}
    for letter, column in zip(LETTERS, columns, strict=False):
        panel.with_target(_target(letter, (column.query, ""), instant=True).format(PromQueryFormat.TABLE))
        names[f"Value #{letter}"] = column.title
        shown = [DynamicConfigValue("unit", column.unit), DynamicConfigValue("decimals", column.decimals)]
        if column.words or column.limits:
            shown.append(DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
        if column.words:
            shown.append(DynamicConfigValue("mappings", [named(column.words).to_json()]))
        if column.limits:
            steps = _steps(column.limits).build().to_json()
            shown.append(DynamicConfigValue("thresholds", steps))
        panel.override_by_name(column.title, shown)
    cell = [{"title": words, "url": url} for words, url in links]
    panel.override_by_name(by.capitalize(), [DynamicConfigValue("links", cell)])
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    organized = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))
    return _described(panel, title, description, unit="none", size=(24, 9))


def labels(  # noqa: PLR0913 - what is shown, and how
    title: str, description: str, query: str, *, names: Sequence[str], by: str, links: Sequence[Link]
) -> table.Panel:
    """One row a series, one column a label in the order of `names`; the label `by` carries the links."""
    panel = table.Panel().datasource(SOURCE).color_scheme(_by_threshold())
    panel.with_target(_target("A", (query, ""), instant=True).format(PromQueryFormat.TABLE))
    cell = [{"title": words, "url": url} for words, url in links]
    panel.override_by_name(by.capitalize(), [DynamicConfigValue("links", cell)])
    organized = {
        "excludeByName": {"Time": True, "Value": True},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": {name: name.capitalize() for name in names},
    }
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))
    return _described(panel, title, description, unit="none", size=(24, 7))


def rows(title: str, description: str, sql: str, *, width: int, height: int) -> table.Panel:
    """Rows as Postgres gives them; columns called share or change are coloured shares."""
    panel = table.Panel().datasource(SQL_SOURCE).with_target(asked(sql)).color_scheme(_by_threshold())
    gauge = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    panel.override_by_name("change", [DynamicConfigValue("custom.cellOptions", gauge)])
    return _described(panel, title, description, unit="percentunit", size=(width, height))


def named(words: States) -> ValueMap:
    """Numbers as words in colours."""
    return ValueMap(
        {
            str(number): ValueMappingResult(text=word, color=color, index=place)
            for place, (number, (word, color)) in enumerate(words.items())
        }
    )


def asked(sql: str, *, time: bool = False) -> "_Ready":
    """A query for Postgres: a table, or series over time."""
    return _Ready(
        UnknownDataquery(
            {
                "refId": "A",
                "datasource": {"type": SQL_TYPE, "uid": "${sql}"},
                "editorMode": "code",
                "format": "time_series" if time else "table",
                "rawQuery": True,
                "rawSql": sql,
            }
        )
    )


class _Ready(Builder[Dataquery]):
    """A finished query where a builder is asked for."""

    def __init__(self, query: UnknownDataquery) -> None:
        self._query = query

    def build(self) -> Dataquery:
        return self._query


def _steps(limits: tuple[float, ...]) -> dashboard.ThresholdsConfig:
    colors = ("green", "orange", "red") if len(limits) > 1 else ("green", "red")
    values = (None, *limits)
    steps = [Threshold(value=value, color=color) for value, color in zip(values, colors, strict=False)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _by_threshold() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
