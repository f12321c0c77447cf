"""The control API's answers where a request cannot be carried out."""

from http import HTTPStatus

from aiohttp import web
from pydantic import ValidationError

__all__ = ["complaint", "error", "no_call"]


def error(status: HTTPStatus, name: str, message: str) -> web.Response:
    """An error as the API's users read it."""
    return web.json_response({"error": name, "message": message}, status=status)


def no_call() -> web.Response:
    """The id is no call's, or the call is over and can no longer be steered."""
    return error(HTTPStatus.NOT_FOUND, "no-such-call", "there is no call of that id")


def complaint(invalid: ValidationError) -> str:
    """What is wrong with a body, by the path of each key; never what was in it."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg'].removeprefix('Value error, ')}"
        for each in invalid.errors(include_url=False, include_input=False)
    )
