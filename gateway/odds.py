"""How improbable a count is, given what the primary showed: exact tails, and a budget of false alarms that lasts for ever.

Pure functions over numbers.
"""

from dataclasses import dataclass
from math import exp, lgamma

__all__ = ["Expected", "allowed", "expected", "pooled", "tail"]

# Before anything is known of the primary: 1 % of its requests fail, a guess that weighs as much as 20 requests.
GUESS = 0.01
GUESS_WEIGHT = 20
# What was counted at another time is old: however many requests there were, they weigh no more than this.
OLD_WEIGHT = 2000


@dataclass(frozen=True)
class Expected:
    """What a stack's rate may be: a beta distribution with this mean, as certain as from `weight` requests."""

    mean: float
    weight: float


def expected(bad: int, seen: int, floor: float, old: tuple[int, int] = (0, 0)) -> Expected:
    """Return what `bad` of `seen` requests of the primary let expect; never less than the floor.

    `old` ones, bad and all, were not made at the same time.
    """
    old_bad, old_seen = old
    scale = min(1.0, OLD_WEIGHT / old_seen) if old_seen else 0.0
    weight = GUESS_WEIGHT + seen + old_seen * scale
    mean = (GUESS * GUESS_WEIGHT + bad + old_bad * scale) / weight
    return Expected(min(max(mean, floor), 1 - 1e-6), weight)


def tail(bad: int, seen: int, rate: Expected, enough: float = 1.0) -> float:
    """Return the probability of `bad` or more of `seen`: a beta-binomial tail, at least roughly right where it is small.

    1.0 where no more are bad than the mean. Once the sum exceeds `enough` it is returned as it is. Works in logarithms,
    so that millions of requests neither overflow nor vanish.
    """
    if bad <= 0 or bad <= seen * rate.mean:
        return 1.0
    alpha, beta = rate.mean * rate.weight, (1 - rate.mean) * rate.weight
    term = exp(log_choose(seen, bad) + log_beta(bad + alpha, seen - bad + beta) - log_beta(alpha, beta))
    total, count = term, bad
    while count < seen and total <= enough and term > total * 1e-9:
        term *= (seen - count) * (count + alpha) / ((count + 1) * (seen - count - 1 + beta))
        total += term
        count += 1
    return min(total, 1.0)


def log_choose(many: int, few: int) -> float:
    return lgamma(many + 1) - lgamma(few + 1) - lgamma(many - few + 1)


def log_beta(one: float, other: float) -> float:
    return lgamma(one) + lgamma(other) - lgamma(one + other)


def pooled(parts: list[tuple[int, Expected]]) -> Expected:
    """Return what to expect of several groups together, by how many requests of each the candidate had.

    Each group is compared with its own baseline, so a canary that happens to get more of a bad group is not blamed for
    it. Mean and variance are the exact ones of the sum.
    """
    seen = sum(count for count, _ in parts)
    mean = sum(count * rate.mean for count, rate in parts) / seen
    variance = sum(count * rate.mean * (1 - rate.mean) * (1 + (count - 1) / (rate.weight + 1)) for count, rate in parts)
    plain = seen * mean * (1 - mean)
    correlation = (variance / plain - 1) / (seen - 1) if seen > 1 else 0.0
    return Expected(mean, 1 / correlation - 1 if correlation > 1e-9 else 1e9)


def allowed(budget: float, look: int) -> float:
    """Return the threshold of the `look`-th look: all of them together, however many, spend the budget.

    The first two get nothing of it: so little never proves anything.
    """
    return 2 * budget / (look * (look - 1)) if look > 2 else 0.0
