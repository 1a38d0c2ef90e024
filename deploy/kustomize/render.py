"""Write the chart's objects as a kustomize base: `python deploy/kustomize/render.py`; with `-` print them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
CHART: Final = HERE.parent / "helm" / "driftgauge"
HEADER: Final = "# Written by deploy/kustomize/render.py from the chart with values.yaml beside it.\n"


def rendered() -> str:
    """Give every object of the chart as it is without Helm: no labels and no hooks of Helm's."""
    helm = shutil.which("helm", path=str(Path(sys.executable).parent)) or "helm"
    command = [helm, "template", "driftgauge", str(CHART), "--values", str(HERE / "values.yaml")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own chart
    documents = [plain(document) for document in yaml.safe_load_all(text) if document]
    return HEADER + yaml.safe_dump_all(documents, sort_keys=False, width=200)


def plain(value: Any) -> Any:
    """Leave out what only Helm understands."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: plain(one) for name, one in value.items() if not str(name).startswith("helm.sh/")}
    kept.pop("app.kubernetes.io/managed-by", None)
    return {name: one for name, one in kept.items() if not (name == "annotations" and one == {})}


def main() -> None:
    """Write or print."""
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(rendered())
    else:
        (HERE / "driftgauge.yaml").write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
