"""docs/openapi.yaml tells of the API what the API is."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from pydantic import BaseModel

from bridge.api import steering
from bridge.config import parse
from bridge.control import Control
from bridge.outbound.order import OrderBody
from bridge.service import Service

PAPER: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[4] / "docs/openapi.yaml").read_text()
)
BODIES: dict[str, type[BaseModel]] = {
    "Order": OrderBody,
    "Digits": steering._DigitsBody,
    "Message": steering._MessageBody,
    "Record": steering._RecordBody,
    "Transfer": steering._TransferBody,
}


async def test_every_route_is_in_the_paper_and_no_other() -> None:
    text = "{ultravox: {api_key: k}, agents: {a: {agent_id: a}}, routes: [{agent: a}]}"
    config = parse(text, env={})
    app = Control(Service(config), config.control)._application()
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if isinstance(route.resource, web.Resource) and route.method != "HEAD"
    }
    told = {
        (method.upper(), path)
        for path, item in PAPER["paths"].items()
        for method in item
        if method in ("get", "post")
    }
    assert told == served


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_keys_of_the_paper(name: str) -> None:
    schema, body = PAPER["components"]["schemas"][name], BODIES[name]
    assert set(schema["properties"]) == set(body.model_fields)
    required = {key for key, field in body.model_fields.items() if field.is_required()}
    assert set(schema["required"]) == required


def test_what_the_paper_refers_to_is_there() -> None:
    def references(found: Any) -> list[str]:
        if isinstance(found, dict):
            here = [found["$ref"]] if isinstance(found.get("$ref"), str) else []
            return here + [each for value in found.values() for each in references(value)]
        if isinstance(found, list):
            return [each for value in found for each in references(value)]
        return []

    for reference in references(PAPER):
        place: Any = PAPER
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("path", PAPER["paths"])
def test_what_needs_a_token_anywhere_may_answer_that_it_lacks(path: str) -> None:
    for method in PAPER["paths"][path].keys() & {"get", "post"}:
        operation = PAPER["paths"][path][method]
        told = {"401", "403"} <= operation["responses"].keys()
        assert told == (operation.get("security") != [])


def test_only_what_changes_nothing_goes_without_a_token() -> None:
    for path, item in PAPER["paths"].items():
        if "post" in item:
            assert "security" not in item["post"], path
        if "get" in item:
            assert {} in (item["get"]["security"] or [{}]), path
