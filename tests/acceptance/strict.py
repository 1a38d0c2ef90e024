"""Every surface of a model as strict JSON and finite samples."""

import json
from typing import Any, NoReturn

from acceptance.world import Model

READS = ("", "/windows", "/scores", "/episodes", "/status", "/thresholds", "/baselines", "/baselines/1")


def strict(text: str) -> Any:
    """Read JSON as RFC 8259 has it, without NaN and Infinity."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} in an answer")

    return json.loads(text, parse_constant=refuse)


def checked(model: Model) -> None:
    """Read everything that the model shows; nothing fails and nothing is NaN."""
    for path in READS:
        answer = model.client.get(model.path + path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        strict(answer.text)
    answer = model.client.post(f"{model.path}/backtest", json={})
    assert answer.status_code == 200, answer.text[:500]
    strict(answer.text)
    mine = f'model="{model.name}"'
    lines = [line for line in model.client.get("/metrics").text.splitlines() if mine in line]
    assert lines
    assert not [line for line in lines if "nan" in line.rpartition(" ")[2].lower()]
