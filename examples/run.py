"""Play an example on this machine: `python -m examples.run NAME`.

It needs no account: a stand-in speaks Ultravox's protocol, and a telephone calls or is called.
Where ULTRAVOX_API_KEY is set, Ultravox itself is the agent.
"""

import asyncio
import importlib
import sys
import tempfile
from pathlib import Path

from examples.stage import HERE, stage

__all__ = ["main"]


def main() -> None:
    """Play the example that the command line names."""
    names = sorted(path.parent.name for path in HERE.glob("*/story.py"))
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        sys.exit(f"usage: python -m examples.run {{{','.join(names)}}}")
    try:
        asyncio.run(_play(sys.argv[1]))
    except TimeoutError:
        sys.exit("the story stopped: what should have come did not")


async def _play(name: str) -> None:
    story = importlib.import_module(f"examples.{name}.story")
    with tempfile.TemporaryDirectory(prefix="uvbridge-example-") as folder:
        async with stage(name, Path(folder)) as ready:
            await story.tell(ready)
    print("the end", flush=True)


if __name__ == "__main__":
    main()
