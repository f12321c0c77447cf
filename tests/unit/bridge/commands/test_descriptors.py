import resource
from collections.abc import Iterator

import pytest

from bridge import config
from bridge.commands.descriptors import WANTED, enlarge, needed


@pytest.fixture
def hard() -> Iterator[int]:
    """The limit that is not ours to raise; ours is 300 meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_shells_limit_of_open_files_is_raised_as_far_as_we_may(hard: int) -> None:
    limit = enlarge()
    assert limit == (WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limit, hard)


def test_a_limit_that_is_high_enough_is_left_alone(hard: int) -> None:
    limit = enlarge()
    assert enlarge() == limit


def test_calls_need_files_for_each_port_and_each_session() -> None:
    text = "sip: {max_calls: 200}\nmedia: {ports: 20000-20999}\nagents: {a: {agent_id: x}}\n"
    read = config.parse(text + "ultravox: {api_key: k}\n", {})
    assert needed(read) == 1000 + 400 + 400 + 100
