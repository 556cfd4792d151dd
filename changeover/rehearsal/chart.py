"""The timeline as an inline drawing: requests a second by who answered, bad answers, and when a fault struck."""

from collections.abc import Iterator
from html import escape

from changeover.rehearsal.outcome import Outcome

__all__ = ["chart_of"]

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 1000, 230, 40, 30, 10
GRID = 4


def chart_of(outcome: Outcome) -> str:
    """Return the drawing; the candidate's bars stand on the primary's, bad answers are drawn over both."""
    if not outcome.moments:
        return "<p>No requests.</p>"
    label = "Requests a second by stack, bad answers, and faults over time"
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        *faults(outcome),
        *grid(outcome),
        *bars(outcome),
        *legend(outcome),
        "</svg>",
    ]
    return "".join(parts)


def most(outcome: Outcome) -> int:
    """Return the highest number of requests in a second, rounded up to what the grid divides."""
    highest = max(sum(moment.by.values()) for moment in outcome.moments)
    return max(GRID, -(-highest // (10 * GRID)) * 10 * GRID)


def across(outcome: Outcome, second: float) -> float:
    return LEFT + (WIDTH - LEFT) * second / (outcome.moments[-1].second + 1)


def high(outcome: Outcome, count: float) -> float:
    return (HEIGHT - BOTTOM - TOP) * count / most(outcome)


def bars(outcome: Outcome) -> Iterator[str]:
    primary, candidate = outcome.noted.stacks
    wide = (WIDTH - LEFT) / (outcome.moments[-1].second + 1) * 0.9
    for moment in outcome.moments:
        base, x = float(HEIGHT - BOTTOM), across(outcome, moment.second)
        for count, colour in (
            (moment.by[primary], "--primary"),
            (moment.by[candidate], "--candidate"),
            (moment.bad, "--bad"),
        ):
            tall = high(outcome, count)
            # Bad answers are among the others: they are drawn from the ground up, over them.
            y = (HEIGHT - BOTTOM if colour == "--bad" else base) - tall
            base = y
            if count:
                place = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.2f}" height="{tall:.1f}"'
                yield f'<rect {place} fill="var({colour})"><title>{moment.second} s: {count}</title></rect>'


def faults(outcome: Outcome) -> Iterator[str]:
    began = outcome.noted.began
    for struck in outcome.noted.struck:
        x = across(outcome, struck.window.began - began)
        wide = across(outcome, struck.window.ended - began) - x
        place = f'x="{x:.1f}" y="{TOP}" width="{wide:.1f}" height="{HEIGHT - BOTTOM - TOP}"'
        yield f'<rect {place} fill="var(--bad)" opacity="0.12"><title>{escape(struck.name)}</title></rect>'


def grid(outcome: Outcome) -> Iterator[str]:
    for line in range(GRID + 1):
        count = most(outcome) * line // GRID
        y = HEIGHT - BOTTOM - high(outcome, count)
        yield f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{count}</text>'
    last = outcome.moments[-1].second + 1
    every = max(10, last // 10 // 10 * 10)
    # The last mark would be cut at the edge where it comes too close to it.
    for second in range(0, max(last - every // 2, 1), every):
        yield f'<text x="{across(outcome, second):.1f}" y="{HEIGHT - BOTTOM + 14}">{second} s</text>'


def legend(outcome: Outcome) -> Iterator[str]:
    names = zip((*outcome.noted.stacks, "bad answers (faults shaded)"), ("primary", "candidate", "bad"), strict=True)
    for number, (name, colour) in enumerate(names):
        x = LEFT + number * 150
        yield f'<rect x="{x}" y="{HEIGHT - 12}" width="10" height="10" fill="var(--{colour})"/>'
        yield f'<text x="{x + 15}" y="{HEIGHT - 3}">{escape(name)}</text>'
