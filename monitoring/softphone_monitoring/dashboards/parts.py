"""What the dashboards are made of: their look is decided here, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "softphone-fleet"
WIDTH = 24
HERE = 'namespace=~"$namespace"'
"""The matcher of the namespaces that are chosen."""
WANTED = f'softphones{{{HERE},state!~"Suspended|Stopped|Unregistering"}}'
"""Phones that want a binding."""

Panel = Builder[models.Panel]


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and how its series are called; `{{label}}` stands for a label's value."""

    expr: str
    legend: str = ""


def grown(series: str, span: str) -> str:
    """By how much a counter has grown within `span`.

    A counter that nobody could expect appears with its first event. increase() does not see that one, and there may be
    no other.
    """
    return f"clamp_min({series} - ({series} offset {span} or 0 * {series}), 0)"


def risen(series: str, function: str = "rate") -> str:
    """The rate, or increase, of those counters that have counted anything: most begin with 0 and stay there."""
    return f"{function}({series}[$__rate_interval]) and {series} > 0"


def quantile(share: float, histogram: str, matchers: str, span: str, by: str = "") -> str:
    """A quantile of a histogram over `span`, by further labels where they are given."""
    labels = ", ".join(label for label in ("le", by) if label)
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{matchers}}}[{span}])))"


def _target(query: Query, *, instant: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).datasource(SOURCE).legend_format(query.legend)
    return target.instant() if instant else target.range()


def _steps(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    made = [models.Threshold(value, color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


NEUTRAL = ((None, "text"),)
MORE_IS_BETTER = ((None, "red"), (0.9, "orange"), (1.0, "green"))
NONE_IS_BEST = ((None, "green"), (1.0, "orange"))


def number(
    title: str,
    expr: str,
    words: str,
    *,
    unit: str = "short",
    steps: Sequence[tuple[float | None, str]] = NEUTRAL,
    span: int = 4,
) -> Panel:
    """One number, as it is at the end of the time shown."""
    return (
        stat.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .unit(unit)
        .thresholds(_steps(*steps))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(Query(expr), instant=True))
        .span(span)
        .height(4)
    )


def lines(
    title: str,
    *queries: Query,
    words: str,
    unit: str = "short",
    stacked: bool = False,
    highest: float | None = None,
    span: int = 12,
) -> Panel:
    """Lines over time, or areas one on the other."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 0)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
        .span(span)
        .height(8)
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if highest is not None:
        panel = panel.max(highest)
    for query in queries:
        panel = panel.with_target(_target(query))
    return panel


def heat(title: str, histogram: str, matchers: str, words: str, span: int = 12) -> Panel:
    """A heat map of a histogram in seconds."""
    query = Query(f"sum by (le) (increase({histogram}_bucket{{{matchers}}}[$__rate_interval]))", "{{le}}")
    return (
        heatmap.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .color(heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .with_target(_target(query).format(PromQueryFormat.HEATMAP))
        .span(span)
        .height(8)
    )


def timeline(title: str, query: Query, words: str, *, yes: str, no: str, span: int = 24) -> Panel:
    """A bar for each series: when it was 1 (`yes`) and when 0 (`no`)."""
    shown = {
        "1": models.ValueMappingResult(text=yes, color="green", index=0),
        "0": models.ValueMappingResult(text=no, color="red", index=1),
    }
    return (
        statetimeline.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .mappings([models.ValueMap(options=shown)])
        .show_value(common_models.VisibilityMode.NEVER)
        .merge_values(True)
        .fill_opacity(80)
        .with_target(_target(query))
        .span(span)
        .height(8)
    )


def rows(title: str, query: Query, columns: Sequence[str], words: str, *, value: str = "", span: int = 12) -> Panel:
    """A table of series: the labels named, and the value under the heading `value` if there is one."""
    hidden = {"Time": True, **({} if value else {"Value": True})}
    order = {name: place for place, name in enumerate([*columns, "Value"])}
    shown = models.DataTransformerConfig(
        id_val="organize",
        options={"excludeByName": hidden, "indexByName": order, "renameByName": {"Value": value} if value else {}},
    )
    return (
        table.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .show_header(True)
        .frame_index(0)
        .with_target(_target(query, instant=True).format(PromQueryFormat.TABLE))
        .with_transformation(shown)
        .span(span)
        .height(8)
    )


def matrix(title: str, query: Query, row: str, column: str, words: str, span: int = 12) -> Panel:
    """A table of shares, from 0 to 1, with a row and a column for each value of two labels: coloured by the share."""
    shown = models.DataTransformerConfig(
        id_val="groupingToMatrix",
        options={"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "empty"},
    )
    return (
        table.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .show_header(True)
        .unit("percentunit")
        .thresholds(_steps(*MORE_IS_BETTER))
        .cell_options(common_models.TableColoredBackgroundCellOptions())
        .with_target(_target(query, instant=True).format(PromQueryFormat.TABLE))
        .with_transformation(shown)
        .span(span)
        .height(8)
    )


def bars(title: str, query: Query, words: str, span: int = 12) -> Panel:
    """A bar for each series, as long as its value."""
    return (
        bargauge.Panel()
        .title(title)
        .description(words)
        .datasource(SOURCE)
        .min(0)
        .thresholds(_steps((None, "blue")))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(query, instant=True))
        .span(span)
        .height(8)
    )


def choice(name: str, label: str, values: str, *, many: bool = True) -> Builder[models.VariableModel]:
    """A variable: one value of `label_values(...)`, or many and all."""
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(values)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    if many:
        variable = variable.multi(True).include_all(True).all_value(".+")
        variable = variable.current(models.VariableOption(text="All", value="$__all", selected=True))
    return variable


class Annotation(dashboard.AnnotationQuery):
    """Moments marked in all panels, with their labels as text. The library does not know the fields for the text."""

    def __init__(self, name: str, expr: str, title: str, text: str) -> None:
        self._internal = _WithText(title, text)
        self.name(name).datasource(SOURCE).enable(True).icon_color("orange").expr(expr)


class _WithText(models.AnnotationQuery):
    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._text = {"titleFormat": title, "textFormat": text}

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self._text}


def failovers(*matchers: str, of: str = "") -> Annotation:
    """Fail-overs as annotations: of the namespaces chosen, by any of the further matchers; `of` chooses agents."""
    chosen = [f"{HERE},{matcher}" for matcher in matchers] or [HERE]
    each = (f"{grown(f'softphone_failovers_total{{{matcher}}}', '$__interval')} {of}".rstrip() for matcher in chosen)
    return Annotation(
        "fail-overs",
        f"sum by (from, to, reason) ({' or '.join(each)}) > 0",
        "fail-over",
        "{{from}} to {{to}}: {{reason}}",
    )


SOURCES = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
NAMESPACES = choice("namespace", "Namespace", "label_values(softphones, namespace)")


def board(
    uid: str,
    title: str,
    words: str,
    variables: Sequence[Builder[models.VariableModel]],
    panels: Sequence[Panel],
    annotations: Sequence[Builder[models.AnnotationQuery]] = (),
) -> models.Dashboard:
    """A dashboard. Panels stand from left to right and get numbers in order, for links to one of them."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(words)
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(SOURCES)
        .link(
            dashboard.DashboardLink("softphone-fleet")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
    )
    for variable in variables:
        made = made.with_variable(variable)
    for annotation in annotations:
        made = made.annotation(annotation)
    for panel in panels:
        made = made.with_panel(panel)
    built = made.build()
    for number_, panel_ in enumerate(built.panels or [], start=1):
        panel_.id_val = number_
    return built
