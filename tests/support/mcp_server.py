"""A small MCP server: `python -m tests.support.mcp_server [port]`, over stdio without a port."""

import asyncio
import os
import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("shop")


@server.tool()
def stock(article: str, size: int = 40) -> str:
    """Tell how many of an article are there."""
    return f"7 of {article} in {size}"


@server.tool(name="shop.price")
def price(article: str) -> dict[str, float]:
    """Tell what an article costs."""
    if article == "unicorn":
        raise ToolError("There are no unicorns.")
    return {"euros": 9.5}


@server.tool()
async def dawdle(seconds: float) -> str:
    """Take so long."""
    await asyncio.sleep(seconds)
    return "done"


@server.tool()
def hang_up() -> str:
    """Have a name that is taken."""
    return os.environ.get("SHOP_KEY", "no key")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
