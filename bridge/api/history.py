"""Past calls as the control API shows them, from the journal's database.

GET /v1/calls?since=2h&agent=…&limit=…&cursor=…    {calls: […], next}
GET /v1/calls/{id}                                 one call, with what was said
"""

import json
import time
from http import HTTPStatus

from aiohttp import web
from multidict import MultiMapping

from bridge.api import replies
from bridge.archive import ArchiveError, BadInquiry, Inquiry, NoDatabase, PastCalls

__all__ = ["listed", "shown"]


async def listed(past: PastCalls, query: MultiMapping[str]) -> web.Response:
    """The calls that the parameters of a request ask for."""
    twice = sorted({name for name in query if len(query.getall(name)) > 1})
    if twice:
        return _bad_request(f"{', '.join(twice)}: given twice")
    try:
        inquiry = Inquiry.parse(dict(query), now=time.time())
        page = await past.page(inquiry)
    except BadInquiry as error:
        return _bad_request(str(error))
    except NoDatabase as error:
        return replies.error(HTTPStatus.NOT_FOUND, "no-database", str(error))
    except ArchiveError as error:
        return _unavailable(error)
    calls = ",\n".join(page.records)
    text = f'{{"calls": [{calls}], "next": {json.dumps(page.next)}}}'
    return web.json_response(text=text)


async def shown(past: PastCalls, call_id: str) -> web.Response:
    """One call that is no longer in memory."""
    try:
        text = await past.find(call_id)
    except NoDatabase:
        text = None
    except ArchiveError as error:
        return _unavailable(error)
    if text is None:
        return replies.no_call()
    record = json.loads(text)
    # One without an outcome belongs to a process beside this one.
    state = "ended" if record["outcome"] else "elsewhere"
    return web.json_response({"state": state, **record})


def _bad_request(message: str) -> web.Response:
    return replies.error(HTTPStatus.BAD_REQUEST, "bad-request", message)


def _unavailable(error: ArchiveError) -> web.Response:
    return replies.error(HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", str(error))
