"""Roads that begin on the event loop leave it time for others."""

import asyncio
from itertools import pairwise

from app.api.roads import alone


def test_one_at_a_time() -> None:
    """Between two that go on the event loop looks at everything else that is ready, and all go on in their order."""
    seen: list[object] = []

    async def one(number: int) -> None:
        await alone()
        seen.append(number)

    async def others() -> None:
        while True:
            seen.append("other")
            await asyncio.sleep(0)

    async def main() -> None:
        busy = asyncio.ensure_future(others())
        await asyncio.gather(*(one(number) for number in range(5)))
        busy.cancel()

    asyncio.run(main())
    places = [place for place, what in enumerate(seen) if what != "other"]
    assert [seen[place] for place in places] == list(range(5))
    assert all("other" in seen[first:stop] for first, stop in pairwise(places))


def test_who_gives_up_holds_nobody_up() -> None:
    """A sender that goes away while its body waits leaves its turn to the next one."""

    async def main() -> None:
        tasks = [asyncio.ensure_future(alone()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait_for(tasks[2], 60)
        assert tasks[0].done()
        assert tasks[1].cancelled()

    asyncio.run(main())
