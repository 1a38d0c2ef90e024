"""What can be chosen at the head of a dashboard, and where its links lead."""

from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

SQL_TYPE: Final = "grafana-postgresql-datasource"
TAGS: Final = ["driftgauge", "drift", "machine learning"]
EVIDENCE: Final = "${service}/v1/models/${model:percentencode}"
"""The model in the service itself, as far as the service was told its address."""
EXPLANATION: Final = EVIDENCE + "/features/${feature:percentencode}/explanation?version=${version:percentencode}"


def board(name: str, description: str, *, span: str) -> dashboard.Dashboard:
    """An empty dashboard in the house style, linked with its siblings."""
    return (
        dashboard.Dashboard(f"Driftgauge: {name}")
        .uid(f"driftgauge-{name}")
        .description(description)
        .tags(TAGS)
        .time(f"now-{span}", "now")
        .refresh("1m")
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Driftgauge")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAGS[0]])
            .as_dropdown(as_dropdown=False)
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .with_variable(_source("datasource", "Prometheus", "prometheus"))
    )


def sql() -> dashboard.DatasourceVariable:
    """The Postgres that holds the histograms."""
    return _source("sql", "Postgres", SQL_TYPE)


def one(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """One value of a label."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query({"query": query, "refId": name})
        .definition(query)
        .datasource(DataSourceRef(type_val="prometheus", uid="${datasource}"))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def many(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Any number of values of a label, at first all."""
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return one(name, label, query).multi(multi=True).include_all(include_all=True).current(everything)


def model() -> dashboard.QueryVariable:
    """The model that is looked at."""
    return one("model", "Model", "label_values(drift_alert_budget_pages_per_month, model)")


def service() -> dashboard.QueryVariable:
    """Where people reach the service; empty unless it was told."""
    return one("service", "Service", 'label_values(driftgauge_link_info{to="service"}, url)').hide(
        VariableHide.HIDE_VARIABLE
    )


def link(title: str, url: str) -> dashboard.DashboardLink:
    """A link of a panel or of a cell."""
    return dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url).target_blank(target_blank=True)


def to_board(name: str, **values: str) -> str:
    """The address of another dashboard in the same Grafana, with its variables."""
    chosen = "".join(f"&var-{key}={value}" for key, value in values.items())
    return f"/d/{quote(f'driftgauge-{name}')}?${{__url_time_range}}{chosen}"


def _source(name: str, label: str, kind: str) -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable(name).label(label).type(kind)
