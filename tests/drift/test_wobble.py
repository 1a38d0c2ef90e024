"""The two parts of a share's variance."""

import numpy as np

from app.drift import wobble


def test_an_exact_line_is_found() -> None:
    """Y = 2 e + 0.01 gives back 2 and 0.01."""
    e = np.linspace(0.001, 0.02, 40)[:, None]
    a, rho = wobble.fit(2 * e + 0.01, e, weight=np.ones_like(e), cap=1.0)
    np.testing.assert_allclose([a[0], rho[0]], [2, 0.01], rtol=1e-9)


def test_neither_part_is_negative() -> None:
    """A falling y keeps the least slope and the rest lasts; a steep one has no lasting part."""
    e = np.linspace(0.001, 0.02, 40)[:, None]
    falling, lasting = wobble.fit(0.05 - e, e, weight=np.ones_like(e), cap=1.0)
    assert falling[0] == 0.1
    assert lasting[0] > 0
    steep, none = wobble.fit(3 * e - 0.002, e, weight=np.ones_like(e), cap=1.0)
    assert none[0] == 0
    assert 2 < steep[0] < 3


def test_equal_windows_cannot_tell_the_parts_apart() -> None:
    """With one e, sampling is that of independent rows and the rest lasts."""
    e = np.full((20, 1), 0.01)
    a, rho = wobble.fit(np.full((20, 1), 0.03), e, weight=np.ones_like(e))
    np.testing.assert_allclose([a[0], rho[0]], [1, 0.02])


def test_rare_bins_are_not_believed_still() -> None:
    """A bin that expects no row is given the variance of independent rows, a full one may have a tenth of it."""
    e = np.tile(np.linspace(0.001, 0.02, 40)[:, None], 2)
    a, _ = wobble.fit(np.zeros_like(e), e, weight=np.ones_like(e), expected=np.array([0.0, 1000.0]))
    np.testing.assert_allclose(a, [1, 0.1])


def test_windows_that_do_not_count_do_not_matter() -> None:
    """Weight 0 takes a window out; a column without any window is plain sampling."""
    rng = np.random.default_rng(1)
    e, y = rng.uniform(0.001, 0.02, (50, 1)), rng.uniform(0, 0.1, (50, 1))
    weight = np.ones_like(e)
    weight[30:] = 0
    spoilt = np.where(weight > 0, y, 1e6)
    assert wobble.fit(y[:30], e[:30], weight=weight[:30])[1] == wobble.fit(y[:30], e[:30], weight=np.ones((30, 1)))[1]
    np.testing.assert_allclose(wobble.fit(spoilt, e, weight=weight), wobble.fit(y[:30], e[:30], weight=weight[:30]))
    assert [float(part[0]) for part in wobble.fit(y, e, weight=np.zeros_like(e))] == [1.0, 0.0]
