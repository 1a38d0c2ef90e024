"""Roads that begin on the event loop leave it time for others."""

import asyncio
from collections.abc import Generator
from itertools import pairwise
from typing import Any

from app.api.roads import walk
from app.monitor.ingest import Pace


def test_one_brisk_road_at_a_time() -> None:
    """Between two of them the event loop looks at everything else that is ready; none waits for ever."""
    seen: list[object] = []

    def road(number: int) -> Generator[None, Any, dict[str, Any]]:
        seen.append(number)
        return {"number": number}
        yield

    async def others() -> None:
        while True:
            seen.append("other")
            await asyncio.sleep(0)

    async def main() -> list[dict[str, Any]]:
        busy = asyncio.ensure_future(others())
        try:
            return await asyncio.gather(*(walk(road(number), Pace.BRISK) for number in range(5)))
        finally:
            busy.cancel()

    assert asyncio.run(main()) == [{"number": number} for number in range(5)]
    places = [place for place, one in enumerate(seen) if one != "other"]
    assert [seen[place] for place in places] == list(range(5))
    assert all("other" in seen[first:stop] for first, stop in pairwise(places))


def test_light_roads_do_not_wait() -> None:
    """Those go on at once, all of them."""
    seen: list[int] = []

    def road(number: int) -> Generator[None, Any, dict[str, Any]]:
        seen.append(number)
        return {}
        yield

    async def main() -> None:
        tasks = [asyncio.ensure_future(walk(road(number), Pace.LIGHT)) for number in range(5)]
        await asyncio.sleep(0)
        assert seen == list(range(5))
        await asyncio.gather(*tasks)

    asyncio.run(main())
