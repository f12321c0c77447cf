from rtp.format import Format


def test_every_count_of_g711_derives_from_rate_and_ptime() -> None:
    pcmu = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)
    assert (pcmu.samples, pcmu.frame_bytes, pcmu.timestamp_step) == (160, 320, 160)
    assert pcmu.frame_s == 0.02
    assert pcmu.silence == bytes(320)


def test_g722_counts_time_at_half_its_sample_rate() -> None:
    g722 = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000, ptime=30)
    assert (g722.samples, g722.timestamp_step) == (480, 240)
