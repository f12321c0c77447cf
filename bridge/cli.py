"""The command line: `uvbridge`, or `python -m bridge`."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import quote

import typer
from rich.console import Console

from bridge import __version__, logs
from bridge.commands import exit_status, pairs, reach, tables
from bridge.commands.client import NotRunning, Rejected, ask
from bridge.config import ConfigError, load
from bridge.visible import visible_json, visible_lines
from sip import SipError

__all__ = ["main"]

app = typer.Typer(
    name="uvbridge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
PIPE_WIDTH = 200
"""Columns of a table that goes to a pipe or a file, where nothing says how many there are."""
TERMINAL = sys.stdout is not None and sys.stdout.isatty()  # None where it was closed
out = Console(highlight=False, soft_wrap=True, width=None if TERMINAL else PIPE_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigFile = Annotated[
    Path,
    typer.Option("-c", "--config", envvar="UVBRIDGE_CONFIG", help="The configuration file."),
]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
DEFAULT_CONFIG = Path("bridge.yaml")
T = TypeVar("T")


@app.command()
def serve(
    config: ConfigFile = DEFAULT_CONFIG,
    log_format: Annotated[LogFormat | None, typer.Option(help="json for machines.")] = None,
    log_level: Annotated[
        LogLevel | None, typer.Option(help="debug shows every SIP and agent message.")
    ] = None,
) -> None:
    """Run the bridge. SIGTERM lets calls finish, SIGINT ends them."""
    settings = _read(load, config)
    logs.start(log_level or settings.log.level, log_format or settings.log.format)
    runner = importlib.import_module("bridge.commands.serve")
    try:
        runner.run(settings)
    except ConfigError as error:
        _fail(str(error), exit_status.USAGE)
    except (OSError, SipError) as error:
        _fail(str(error), 1)


@app.command()
def check(
    config: ConfigFile = DEFAULT_CONFIG,
    live: Annotated[
        bool, typer.Option("--live", help="Also try DNS, TLS, registration and the Ultravox key.")
    ] = False,
) -> None:
    """Tell every mistake in the configuration at once."""
    checking = importlib.import_module("bridge.commands.check")
    raise typer.Exit(checking.run(config, live=live))


@app.command()
def call(
    dest: Annotated[str, typer.Argument(help="A number or a SIP URI.")],
    agent: Annotated[str, typer.Option(help="The agent that talks.")],
    *,
    trunk: Annotated[
        list[str] | None,
        typer.Option(help="The trunk to call through; given again: the next where one fails."),
    ] = None,
    caller_id: Annotated[str | None, typer.Option(help="The number to show.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A SIP header of the INVITE, as 'X-Name: value'.")
    ] = None,
    ring_timeout: Annotated[
        float | None, typer.Option(help="Seconds that each trunk may let it ring.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Idempotency key: the same again places no second call. Needs the service."
        ),
    ] = None,
    var: Annotated[list[str] | None, typer.Option(help="A variable as name=value.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the call to its end.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Place a call, through the running service or on its own."""
    settings = _read(load, config)
    order: dict[str, Any] = {"to": dest, "agent": agent}
    try:
        order["variables"] = pairs.variables(var or [])
        if header:
            order["headers"] = pairs.headers(header)
    except pairs.BadPair as error:
        _fail(str(error), exit_status.USAGE)
    if trunk:
        order["trunk"] = trunk
    if caller_id is not None:
        order["caller_id"] = caller_id
    if ring_timeout is not None:
        order["ring_timeout_s"] = ring_timeout
    placing = importlib.import_module("bridge.commands.placing")
    try:
        raise typer.Exit(placing.run(settings, order, key=key, wait=wait, console=out, errors=err))
    except ConfigError as error:
        _fail(str(error), exit_status.USAGE)


@app.command()
def calls(
    *,
    since: Annotated[
        str | None, typer.Option(help="30m, 2h, 7d or 2026-11-26T10:00 (UTC).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The same.")] = None,
    agent: Annotated[str | None, typer.Option(help="Its name in the configuration.")] = None,
    trunk: Annotated[str | None, typer.Option(help="The same.")] = None,
    caller: Annotated[str | None, typer.Option(help="A number; * and ? as in routes.")] = None,
    callee: Annotated[str | None, typer.Option(help="The same.")] = None,
    result: Annotated[str | None, typer.Option(help="success, client_error, …")] = None,
    cause: Annotated[str | None, typer.Option(help="busy, agent-lost, …")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most; 100.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show the calls alive; with --since or another filter those of the past, newest first."""
    settings = _read(reach.find, config)
    words = {
        name: word
        for name, word in (
            *(("since", since), ("until", until), ("agent", agent), ("trunk", trunk)),
            *(("caller", caller), ("callee", callee), ("result", result), ("cause", cause)),
        )
        if word is not None
    }
    if words or limit is not None:
        lookup = importlib.import_module("bridge.commands.lookup")
        found = lookup.run(settings, words, limit=limit, as_json=as_json, console=out, errors=err)
        raise typer.Exit(found)
    alive = _ask(settings, "GET", "/v1/calls")
    if not as_json:
        nobody = "no call is alive; --since 1h shows those that are over"
        out.print(tables.of_calls(alive) if alive else nobody)
        return
    for each in alive:
        out.print(visible_json(each), markup=False)


@app.command()
def hangup(
    call_id: Annotated[str, typer.Argument(help="As `uvbridge calls` shows it.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """End a call of the running service."""
    _ask(_read(reach.find, config), "POST", f"/v1/calls/{quote(call_id, safe='')}/hangup")


@app.command()
def trunks(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show the trunks of the running service and their registrations."""
    out.print(tables.of_trunks(_ask(_read(reach.find, config), "GET", "/v1/trunks")))


@app.command()
def standin(
    *,
    listen: Annotated[str, typer.Option(help="host:port of its REST API.")] = "127.0.0.1:8099",
    tls_cert: Annotated[Path | None, typer.Option(help="Serve https and wss.")] = None,
    tls_key: Annotated[Path | None, typer.Option()] = None,
    api_key: Annotated[str | None, typer.Option(help="The only key to accept.")] = None,
    max_calls: Annotated[int | None, typer.Option(help="The concurrency limit.")] = None,
    log_level: Annotated[LogLevel, typer.Option()] = "info",
) -> None:
    """Run a local server that speaks Ultravox's protocol, to try things without an account."""
    logs.start(log_level)
    server = importlib.import_module("bridge.ultravox.standin")
    try:
        server.run(listen, tls_cert=tls_cert, tls_key=tls_key, api_key=api_key, max_calls=max_calls)
    except (OSError, ValueError) as error:
        _fail(str(error), exit_status.USAGE if isinstance(error, ValueError) else 1)


@app.command()
def version() -> None:
    """Print the version of uvbridge and of PJSIP."""
    pjsip = importlib.import_module("sip.pjsua").version()
    out.print(f"uvbridge {__version__}, PJSIP {pjsip.version}, up to {pjsip.max_calls} calls")


def _show_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version."),
    ] = False,
) -> None:
    """A SIP and RTP bridge between telephone calls and Ultravox voice agents."""


def main() -> None:
    """Run the command line."""
    try:
        app()
    except ImportError as error:
        if "pjsua2" not in f"{error.name} {error.path}":
            raise
        err.print(f"PJSIP cannot be used: {error}; run make setup", markup=False)
        sys.exit(1)


def _read(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except ConfigError as error:
        _fail(str(error), exit_status.USAGE)


def _ask(settings: reach.Reach, method: str, path: str) -> Any:
    try:
        return asyncio.run(ask(settings.control, method, path))
    except (NotRunning, Rejected) as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> NoReturn:
    err.print(visible_lines(message), markup=False)
    raise typer.Exit(status)


if __name__ == "__main__":
    main()
