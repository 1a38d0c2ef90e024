"""What the service counts about itself."""

import pytest
from prometheus_client import REGISTRY, generate_latest

from app.metrics.instruments import Instruments
from metrics.views import used

PROMISED = {
    "driftgauge_ingest_rows": ("model", "format", "outcome"),
    "driftgauge_ingest_requests": ("format", "code"),
    "driftgauge_ingest_commit_seconds": (),
    "driftgauge_journal_rows": (),
    "driftgauge_journal_oldest_timestamp_seconds": (),
    "driftgauge_journal_quarantined_rows": (),
    "driftgauge_calls_put_off": (),
    "driftgauge_ledger_imbalance_rows": (),
    "driftgauge_link_info": ("to", "url"),
    "driftgauge_database_up": (),
    "driftgauge_evaluation_seconds": (),
    "driftgauge_evaluation_failures": ("model",),
    "driftgauge_last_evaluation_timestamp_seconds": ("model",),
    "driftgauge_series_dropped": (),
    "driftgauge_auth_failures": ("reason",),
    "driftgauge_unpaired_events": ("model", "kind"),
    "driftgauge_build_info": ("version", "python"),
}


def test_names_and_labels_are_the_promised_ones() -> None:
    """Every driftgauge_ series has exactly its published labels, and there are no others."""
    found = {
        family.name: {frozenset(sample.labels) - {"le"} for sample in family.samples}
        for family in used().registry.collect()
        if family.name.startswith("driftgauge_")
    }
    assert found == {name: {frozenset(labels)} for name, labels in PROMISED.items()}


def test_values_arrive() -> None:
    """What is counted is what is shown; a timestamp is in seconds."""
    registry = used().registry
    rows = {"model": "m", "format": "arrow", "outcome": "accepted"}
    assert registry.get_sample_value("driftgauge_ingest_rows_total", rows) == 990
    assert registry.get_sample_value("driftgauge_last_evaluation_timestamp_seconds", {"model": "m"}) == 18_000
    assert registry.get_sample_value("driftgauge_evaluation_failures_total", {"model": "m"}) == 1


def test_there_are_no_created_series() -> None:
    """Creation times would double every counter and histogram."""
    assert b"_created" not in generate_latest(used().registry)


@pytest.mark.parametrize("word", ["", "Arrow", "application/json", "x" * 1000])
def test_a_strangers_word_makes_no_series(word: str) -> None:
    """Labels come from fixed lists: anything else is counted as other."""
    instruments = Instruments("1")
    instruments.count_rows("m", word, outcome=word, rows=1)
    instruments.count_request(word, 99)
    instruments.count_unpaired("m", word)
    instruments.count_auth_failure(word)
    rows = {"model": "m", "format": "other", "outcome": "other"}
    assert instruments.registry.get_sample_value("driftgauge_ingest_rows_total", rows) == 1
    requests = {"format": "other", "code": "other"}
    assert instruments.registry.get_sample_value("driftgauge_ingest_requests_total", requests) == 1
    assert instruments.registry.get_sample_value("driftgauge_auth_failures_total", {"reason": "other"}) == 1


def test_a_deleted_model_leaves_nothing() -> None:
    """Series of a model that is gone would keep its alerts alive."""
    instruments = used()
    instruments.forget("m")
    assert b'model="m"' not in generate_latest(instruments.registry)


def test_series_of_models_that_another_replica_deleted_leave_too() -> None:
    """Only the models that still exist keep their series, and rows of no model stay counted."""
    instruments = used()
    instruments.count_rows("", "kserve", outcome="unknown_model", rows=3)
    instruments.evaluated("n", at_us=1)
    instruments.keep({"n"})
    text = generate_latest(instruments.registry)
    assert b'model="m"' not in text
    assert b'model="n"' in text
    assert b'driftgauge_ingest_rows_total{format="kserve",model="",outcome="unknown_model"} 3.0' in text


def test_two_applications_do_not_share_a_registry() -> None:
    """One process may hold two applications, and the library's global registry stays untouched."""
    first, second = used(), Instruments("1")
    assert first.registry is not second.registry
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("driftgauge_")]
