from bridge.agents.speech import Speech


def speech() -> tuple[Speech, bytearray]:
    ours, heard = Speech(8000), bytearray()
    ours.feed(heard.extend)
    return ours, heard


def test_it_is_held_back_from_the_start_and_comes_in_order_when_somebody_listens() -> None:
    ours, heard = speech()
    ours.say(b"\1\0")
    ours.say(b"\2\0")
    assert not ours.begun
    assert not heard
    ours.begin()
    ours.say(b"\3\0")
    assert heard == b"\1\0\2\0\3\0"


def test_it_is_held_back_again_from_wait_on_which_a_second_time_changes_nothing() -> None:
    ours, heard = speech()
    ours.begin()
    ours.wait()
    ours.say(bytes(1600))
    ours.wait()
    assert (len(heard), ours.held_s) == (0, 0.1)
    ours.begin()
    assert (len(heard), ours.held_s) == (1600, 0.0)


def test_what_was_dropped_is_never_heard_and_what_comes_after_it_is_still_held() -> None:
    ours, heard = speech()
    ours.say(b"\1\0")
    ours.drop()
    ours.say(b"\2\0")
    assert not ours.begun
    ours.begin()
    assert heard == b"\2\0"


def test_dropping_does_not_stop_what_is_played() -> None:
    ours, heard = speech()
    ours.begin()
    ours.drop()
    ours.say(b"\1\0")
    assert heard == b"\1\0"


def test_where_it_is_fed_to_nobody_it_is_lost_and_not_kept() -> None:
    ours, heard = speech()
    ours.begin()
    ours.feed(None)
    ours.say(b"\1\0")
    assert (len(heard), ours.held_s) == (0, 0.0)
