"""Creating and changing models."""

import pytest

from app.errors import Refused
from app.monitor.models import put_model
from monitor.desk import AUTHOR, Desk


@pytest.mark.parametrize("name", ["", ".", "a\x07b", "a\u202eb", "x" * 257])
def test_a_name_is_lawful_whoever_gives_it(desk: Desk, name: str) -> None:
    """The command line, too, makes no model that HTTP could not name."""
    with pytest.raises(Refused) as refused:
        put_model(desk.service, name, {}, author=AUTHOR)
    assert refused.value.code == "unlawful-name"
