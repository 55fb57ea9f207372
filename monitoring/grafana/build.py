#!/usr/bin/env python3
"""Prints Grafana's dashboards from the descriptions in boards/.

    build.py            write dashboards/*.json
    build.py --check    compare them with what would be written; 1 if one differs

The same descriptions give the same bytes. Needs nothing but Python.
"""

import json
import sys
from pathlib import Path

import boards

HERE = Path(__file__).resolve().parent / "dashboards"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTOR = 'job=~"$job",instance=~"$instance"'


def expression(text: str) -> str:
    """PromQL from its short form: `@` in braces selects job and instance, `[R]` is the rate interval."""
    return text.replace("{@", "{" + SELECTOR).replace("[R]", "[$__rate_interval]")


def thresholds(steps: list) -> dict:
    """[(None, "green"), (0.05, "red")] as Grafana writes it."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def target(index: int, query: tuple, kind: str) -> dict:
    text, legend = query
    made = {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expression(text),
        "legendFormat": legend,
    }
    if kind in ("table", "bargauge"):
        made |= {"instant": True, "range": False, "format": "table" if kind == "table" else "time_series"}
    if kind == "heatmap":
        made |= {"format": "heatmap"}
    return made


def options(kind: str, panel: dict) -> dict:
    calculated = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if kind == "timeseries":
        return {
            "legend": {
                "calcs": ["lastNotNull", "max"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if kind == "stat":
        return {
            "colorMode": "value",
            "graphMode": "area" if panel.get("spark", True) else "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": calculated,
            "textMode": panel.get("text", "auto"),
        }
    if kind == "bargauge":
        return {
            "displayMode": "gradient",
            "orientation": "horizontal",
            "reduceOptions": calculated,
            "showUnfilled": True,
        }
    if kind == "state-timeline":
        return {
            "mergeValues": True,
            "showValue": "never",
            "rowHeight": 0.8,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        }
    if kind == "heatmap":
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "steps": 64,
                "exponent": 0.5,
                "fill": "dark-orange",
                "reverse": False,
            },
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"show": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "unit": panel["unit"]},
            "filterValues": {"le": 1e-9},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "showValue": "never",
        }
    return {"cellHeight": "sm", "showHeader": True}


def field_config(kind: str, panel: dict) -> dict:
    steps = panel.get("thresholds")
    defaults = {
        "unit": panel["unit"],
        "color": {"mode": "palette-classic" if kind == "timeseries" else "thresholds"},
        "thresholds": thresholds(steps or [(None, "green")]),
    }
    for name in ("min", "max", "decimals"):
        if name in panel:
            defaults[name] = panel[name]
    if "values" in panel:
        mapped = {
            value: {"text": text, "color": color, "index": index}
            for index, (value, text, color) in enumerate(panel["values"])
        }
        defaults["mappings"] = [{"type": "value", "options": mapped}]
    if kind == "timeseries":
        defaults["custom"] = {
            "drawStyle": "line",
            "fillOpacity": 60 if panel.get("stack") else 10,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if panel.get("stack") else "none"},
            "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        }
    if kind == "state-timeline":
        defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
    return {"defaults": defaults, "overrides": []}


def draw(identifier: int, panel: dict, place: dict) -> dict:
    kind = panel["kind"]
    made = {
        "id": identifier,
        "type": kind,
        "title": panel["title"],
        "description": panel["description"],
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": field_config(kind, panel),
        "options": options(kind, panel),
        "targets": [target(index, query, kind) for index, query in enumerate(panel["queries"])],
    }
    if kind == "table":
        hidden = {name: True for name in ("Time", "Value", "__name__", *panel.get("hide", ()))}
        if panel.get("value"):
            del hidden["Value"]
        renamed = {"Value": panel["value"]} if panel.get("value") else {}
        made["transformations"] = [
            {"id": "organize", "options": {"excludeByName": hidden, "indexByName": {}, "renameByName": renamed}}
        ]
    return made


def row(identifier: int, title: str, y: int) -> dict:
    place = {"h": 1, "w": 24, "x": 0, "y": y}
    return {"id": identifier, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def lay_out(rows: list) -> list:
    """Panels from left to right, a new line where 24 columns are full."""
    made, y = [], 0
    for title, members in rows:
        made.append(row(len(made) + 1, title, y))
        x, y, highest = 0, y + 1, 0
        for panel in members:
            width, height = panel.get("size", (4, 4) if panel["kind"] == "stat" else (12, 8))
            if x + width > 24:
                x, y, highest = 0, y + highest, 0
            made.append(draw(len(made) + 1, panel, {"h": height, "w": width, "x": x, "y": y}))
            x, highest = x + width, max(highest, height)
        y += highest
    return made


def variable(name: str, label: str, query: str, all_values: bool) -> dict:
    made = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": all_values,
        "includeAll": all_values,
        "hide": 0,
    }
    if all_values:
        made |= {"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    return made


def annotation(name: str, color: str, text: str, title: str, tags: str) -> dict:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expression(text),
        "titleFormat": title,
        "tagKeys": tags,
    }


def dashboard(description: dict) -> dict:
    variables = [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "hide": 0,
            "refresh": 1,
        }
    ]
    variables += [variable(*of) for of in description["variables"]]
    return {
        "uid": description["uid"],
        "title": description["title"],
        "description": description["description"],
        "tags": ["tamis"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "",
        "version": 1,
        "annotations": {"list": [annotation(*of) for of in description["annotations"]]},
        "links": [
            {
                "title": "tamis",
                "type": "dashboards",
                "tags": ["tamis"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }
        ],
        "templating": {"list": variables},
        "panels": lay_out(description["rows"]),
    }


def main() -> int:
    wrong = 0
    expected = set()
    for description in boards.DASHBOARDS:
        path = HERE / f"{description['uid']}.json"
        expected.add(path)
        text = json.dumps(dashboard(description), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv[1:]:
            HERE.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path.name} is not what build.py prints: run monitoring/grafana/build.py")
            wrong = 1
    for path in sorted(set(HERE.glob("*.json")) - expected):
        print(f"{path.name} is printed by nothing")
        wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
