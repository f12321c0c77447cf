"""How fast calls may begin: a token bucket."""

__all__ = ["TokenBucket"]


class TokenBucket:
    """Gives `rate` tokens a second, and up to `burst` at once. Sans I/O: time comes as argument."""

    def __init__(self, rate: float, *, burst: float | None = None) -> None:
        """`burst` defaults to a second's worth, and is never less than 1."""
        if rate <= 0:
            raise ValueError("a bucket needs a rate above 0")
        self._rate = rate
        self._burst = max(1.0, rate if burst is None else burst)
        self._tokens = self._burst
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until the next token could be had; 0 when there is one."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self, now: float) -> float:
        """Take a token, of the future where there is none; seconds until it may be used."""
        wait = self.wait(now)
        self._tokens -= 1.0
        return wait

    def _fill(self, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._tokens = min(self._burst, self._tokens + passed * self._rate)
        self._at = now
