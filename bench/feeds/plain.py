"""The endpoint that most people would write: FastAPI with a pydantic body. Prints its port."""

import asyncio

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Batch(BaseModel):
    """Rows of numbers."""

    rows: list[dict[str, float]]


@app.post("/rows")
def count(batch: Batch) -> dict[str, int]:
    """Count the rows and do nothing with them."""
    return {"rows": len(batch.rows)}


async def main() -> None:
    """Serve on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await task


if __name__ == "__main__":
    asyncio.run(main())
