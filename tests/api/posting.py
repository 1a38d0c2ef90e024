"""A model of a test's own in a service with keys, and what it has counted."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from api.locked import Locked

ROWS = [{"x": float(n % 7), "c": "ab"[n % 2]} for n in range(100)]


@dataclass(frozen=True)
class Watched:
    """A model and the door to it."""

    locked: Locked
    name: str

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the service with the key that may do everything."""
        return self.locked.call(method, path, self.locked.made[0], **more)

    def post(self, body: bytes, *, path: str = "batches", **headers: str) -> httpx.Response:
        """Post a body to the model."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", f"/v1/models/{self.name}/{path}", content=body, headers=sent)

    def counts(self, version: str = "default") -> dict[str, dict[str, int]]:
        """The counts of every feature over all windows of a version, by label, without empty bins."""
        found: dict[str, dict[str, int]] = {}
        for window in self.call("GET", f"/v1/models/{self.name}/windows", params={"version": version}).json():
            path = f"/v1/models/{self.name}/windows/{window['start']}/histograms"
            read = self.call("GET", path, params={"version": version}).json()
            for name, feature in read["features"].items():
                for one in feature["bins"]:
                    sums = found.setdefault(name, {})
                    sums[one["label"]] = sums.get(one["label"], 0) + one["count"]
        return {name: {label: count for label, count in sums.items() if count} for name, sums in found.items()}

    def rows(self) -> dict[str, int]:
        """The rows of every version."""
        found: dict[str, int] = {}
        for window in self.call("GET", f"/v1/models/{self.name}/windows").json():
            found[window["version"]] = found.get(window["version"], 0) + window["rows"]
        return found


def watched(locked: Locked, *, baseline: bool = True, **settings: object) -> Watched:
    """Make a model with a numeric x, a categorical c and a prediction."""
    model = Watched(locked, f"posted-{uuid.uuid4().hex[:8]}")
    features = {
        "x": {"kind": "numeric"},
        "c": {"kind": "categorical"},
        "score": {"kind": "numeric", "role": "prediction"},
    }
    model.call("PUT", f"/v1/models/{model.name}", json={"features": features, **settings}).raise_for_status()
    if baseline:
        rows = [row | {"score": row["x"]} for row in ROWS]
        path = f"/v1/models/{model.name}/baselines?activate=true"
        model.call("POST", path, json={"rows": rows}).raise_for_status()
    return model
