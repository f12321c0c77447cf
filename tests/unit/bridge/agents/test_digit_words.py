from bridge.agents.digit_words import DigitWords
from bridge.configuration.agents import DtmfConfig
from bridge.ultravox.messages import Medium, Role, Transcript, Urgency, UserTextMessage


def part(role: Role, medium: Medium) -> Transcript:
    return Transcript(role=role, medium=medium, text="4711", delta=None, ordinal=1, final=True)


def test_an_agent_is_told_of_digits_in_the_words_of_its_configuration() -> None:
    words = DigitWords(DtmfConfig(text="Keys: {digits}.", urgency="soon"))
    assert words.told("12#") == UserTextMessage(text="Keys: 12#.", urgency=Urgency.SOON)


def test_an_agent_that_is_not_to_know_of_digits_is_told_nothing() -> None:
    assert DigitWords(DtmfConfig(to_agent=False)).told("1") is None


def test_only_what_the_caller_is_said_to_have_written_is_hidden_and_only_where_asked_for() -> None:
    hiding, open_ = DigitWords(DtmfConfig(hide=True)), DigitWords(DtmfConfig())
    assert hiding.hide(part(Role.USER, Medium.TEXT))
    assert not hiding.hide(part(Role.USER, Medium.VOICE))
    assert not hiding.hide(part(Role.AGENT, Medium.TEXT))
    assert not open_.hide(part(Role.USER, Medium.TEXT))
