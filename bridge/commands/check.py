"""`uvbridge check`: everything that is wrong with a configuration, before anything runs.

file ──> mistakes ──(none)──> warnings, certificate, PJSIP ──(--live)──> probes
"""

import asyncio
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from bridge.commands.certificates import CertificateError, inspect
from bridge.commands.findings import Finding, Level, exit_status
from bridge.config import Config, ConfigError, load
from bridge.configuration.complaints import complaints
from bridge.configuration.document import Document
from bridge.configuration.mistakes import Mistake
from bridge.configuration.sections import TlsConfig
from bridge.configuration.trunks import TrunkTlsConfig

__all__ = ["check", "run"]

ROOT = Path(__file__).parents[2]
EXPIRY_WARNING_DAYS = 14
"""A certificate that ends sooner is worth a word."""
DAY_S = 86_400
UNDOCUMENTED = "is not a key that Ultravox documents here"


def run(path: Path, *, live: bool, env: Mapping[str, str] = os.environ) -> int:
    """Check the file at `path`, print one line for each finding, and return the exit status."""
    # What is found is told in findings; log lines of the parts that are tried would repeat it.
    logging.getLogger().addHandler(logging.NullHandler())
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        sys.stdout.write(f"{finding}\n")
        sys.stdout.flush()

    check(path, live=live, env=env, tell=tell)
    return exit_status(findings)


def check(
    path: Path, *, live: bool, env: Mapping[str, str], tell: Callable[[Finding], None]
) -> None:
    """Check the file at `path`; each finding goes to `tell` as soon as it is known."""
    try:
        config = load(path, env)
        mistakes = importlib.import_module("bridge.tools.inspection").mistakes(config)
    except ConfigError as error:
        mistakes = list(error.mistakes)
    if mistakes:
        for mistake in mistakes:
            tell(_of_mistake(str(path), Level.MISTAKE, mistake))
        tell(pjsip())
        return
    for finding in sound(path, config):
        tell(finding)
    if live:
        probes = importlib.import_module("bridge.commands.probes")
        asyncio.run(probes.Probing(config, tell=tell).run())


def sound(path: Path, config: Config) -> Iterator[Finding]:
    """Yield what can be said of a configuration without mistakes, and of this machine."""
    for warning in config.warnings:
        yield _of_mistake(str(path), Level.WARNING, warning)
    yield from bodies(config)
    yield from scenarios(str(path), config)
    yield Finding(level=Level.OK, where=str(path), message=_summary(config))
    yield pjsip(config.sip.max_calls)
    yield audio()
    yield from certificate(config, now=time.time())


def audio() -> Finding:
    """Tell whether the packets' path runs compiled."""
    try:
        how = importlib.import_module("uvbridge_native").state(ROOT)
    except ImportError:
        how = "pure Python: nothing was compiled; make setup does it"
    level = Level.OK if how == "compiled" else Level.WARNING
    return Finding(level=level, where="audio", message=f"the packets' path is {how}")


def scenarios(source: str, config: Config) -> Iterator[Finding]:
    """Tell which of your own code cannot be used; to find out, it is imported."""
    try:
        importlib.import_module("bridge.scenario.loading").load(config)
    except ConfigError as error:
        for mistake in error.mistakes:
            yield _of_mistake(source, Level.MISTAKE, mistake)


def pjsip(max_calls: int = 0) -> Finding:
    """Tell which PJSIP is in use, and whether it can hold `max_calls`."""
    try:
        found = importlib.import_module("sip.pjsua").version()
    except ImportError as error:
        message = f"is not there, so no call can be made: {error}; run make setup"
        return Finding(level=Level.FAILURE, where="PJSIP", message=message)
    holds = f"version {found.version}, up to {found.max_calls} calls"
    if found.max_calls < max_calls:
        return Finding(
            level=Level.WARNING, where="PJSIP", message=f"{holds}; sip.max_calls is {max_calls}"
        )
    return Finding(level=Level.OK, where="PJSIP", message=holds)


def certificate(config: Config, *, now: float) -> Iterator[Finding]:
    """Tell whether each certificate of ours holds; `now` in seconds since the epoch."""
    places: dict[str, TlsConfig | TrunkTlsConfig] = {"sip.tls": config.sip.tls}
    places |= {f"trunks.{name}.tls": trunk.tls for name, trunk in config.trunks.items()}
    for place, tls in places.items():
        if tls.certificate is None or tls.private_key is None:
            continue
        where = f"{place}.certificate"
        try:
            days = (inspect(tls.certificate, tls.private_key).expires - now) / DAY_S
        except CertificateError as error:
            yield Finding(level=Level.FAILURE, where=where, message=f"{tls.certificate}: {error}")
            continue
        level = Level.WARNING if days < EXPIRY_WARNING_DAYS else Level.OK
        yield Finding(level=level, where=where, message=f"holds {int(days)} days more")


def bodies(config: Config) -> Iterator[Finding]:
    """Warn of what Ultravox's API, as last published, would refuse in a request body."""
    published = importlib.import_module("bridge.ultravox.standin.bodies")
    for name, agent in config.agents.items():
        key, model = ("body", published.AgentCallBody)
        if agent.call is not None:
            key, model = ("call", published.CallBody)
        written = {
            field: value for field, value in getattr(agent, key).items() if value is not None
        }
        try:
            model.model_validate(written)
        except ValidationError as error:
            for doubt in complaints(error, model, Document(), unknown_key=UNDOCUMENTED):
                where = f"agents.{name}.{key}.{doubt.path}".rstrip(".")
                yield Finding(level=Level.WARNING, where=where, message=doubt.advice)


def _of_mistake(source: str, level: Level, mistake: Mistake) -> Finding:
    where = source if mistake.line is None else f"{source}:{mistake.line}"
    return Finding(level=level, where=where, message=str(mistake))


def _summary(config: Config) -> str:
    counts = [
        (len(config.trunks), "trunk"),
        (len(config.agents), "agent"),
        (len(config.routes), "route"),
    ]
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
