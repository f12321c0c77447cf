"""A telephone on PJSIP with media of its own: calls, says a tone, tells what came.

    python pjsua_phone.py URI SUITE SECONDS [CODEC [noise]]

A SUITE of "none" is plain RTP; without a CODEC it offers all that it has. With "noise" it offers
comfort noise besides, as the first of its formats. Prints the RTP packets it took and the lost ones
(those it cannot decrypt are neither), and the loudest that it heard, 0 to 255, as JSON.
"""

import json
import os
import sys
import time
from typing import Any

import pjsua2 as pj


class PhoneCall(pj.Call):  # type: ignore[misc]
    """The one call."""

    answered = False
    over = False
    noise = False

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        ours = prm.sdp
        if self.noise:
            ours.wholeSdp = ours.wholeSdp.replace("RTP/AVP ", "RTP/AVP 13 ", 1)

    def onCallState(self, prm: object) -> None:  # noqa: N802
        info = self.getInfo()
        self.answered = info.state == pj.PJSIP_INV_STATE_CONFIRMED
        self.over = info.state == pj.PJSIP_INV_STATE_DISCONNECTED


def endpoint() -> pj.Endpoint:
    phone = pj.Endpoint()
    phone.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.logConfig.level = config.logConfig.consoleLevel = 0
    phone.libInit(config)
    phone.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.2"
    phone.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    phone.libStart()
    return phone


def account(suite: str) -> pj.Account:
    config = pj.AccountConfig()
    config.idUri = "sip:phone@127.0.0.2"
    media = config.mediaConfig
    media.transportConfig.boundAddress = "127.0.0.2"
    media.transportConfig.port = 30000
    if suite != "none":
        media.srtpUse, media.srtpSecureSignaling = pj.PJMEDIA_SRTP_MANDATORY, 0
        crypto = pj.SrtpCrypto()
        crypto.name = suite
        media.srtpOpt.cryptos.append(crypto)
    made = pj.Account()
    made.create(config)
    return made


def main(uri: str, suite: str, seconds: float, codec: str = "", noise: str = "") -> None:
    phone = endpoint()
    for each in phone.codecEnum2() if codec else ():
        phone.codecSetPriority(each.codecId, 255 if each.codecId.startswith(codec + "/") else 0)
    ours = account(suite)
    tone = pj.ToneGenerator()
    tone.createToneGenerator()
    desc = pj.ToneDesc()
    desc.freq1, desc.freq2, desc.on_msec, desc.off_msec = 440, 0, 10_000, 0
    tones = pj.ToneDescVector()
    tones.append(desc)
    call = PhoneCall(ours)
    call.noise = bool(noise)
    param = pj.CallOpParam(True)
    param.opt.videoCount = 0
    if hasattr(param.opt, "textCount"):
        param.opt.textCount = 0
    call.makeCall(uri, param)
    until = time.monotonic() + 8
    while not call.answered and not call.over and time.monotonic() < until:
        phone.libHandleEvents(20)
    result: dict[str, int] = {"answered": call.answered}
    if call.answered:
        tone.play(tones)
        tone.startTransmit(call.getAudioMedia(-1))
        until, loudest = time.monotonic() + seconds, 0
        while not call.over and time.monotonic() < until:
            phone.libHandleEvents(20)
            loudest = max(loudest, call.getAudioMedia(-1).getRxLevel())
        stat = call.getStreamStat(0)
        received = stat.rtcp.rxStat
        result |= {"received": received.pkt, "lost": received.loss, "loudest": loudest}
        call.hangup(pj.CallOpParam())
        for _ in range(10):
            phone.libHandleEvents(50)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), *sys.argv[4:])
    os._exit(0)  # PJSIP's own exit waits for its sound device
