"""Where the names of the points in a scatter plot go, so that none hides another."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Pair: TypeAlias = tuple[float, float]
    Box: TypeAlias = tuple[float, float, float, float]

CHARACTER = 0.58
LINE = 1.35
POINT = 7.0
THIN = 3.0


def place_labels(
    points: Sequence[Pair], texts: Sequence[str], canvas: Pair, font: float, avoid: Sequence[Box] = ()
) -> list[Pair]:
    """Choose a place for every label beside its point.

    Points are taken from the most crowded to the least, and each label goes to the nearest place where it
    covers no point and no earlier label, or else to where it covers least.

    Args:
        points: Where the points are, in pixels, upwards from the lower left corner.
        texts: A label for each.
        avoid: Thin boxes (left, bottom, right, top) that labels had better not cover, such as intervals.
        canvas: Width and height of the plot in pixels; labels should not leave it.
        font: The size of the letters in pixels.

    Returns:
        For each label the offset in pixels of its centre from its point, upwards.
    """
    sizes = [(CHARACTER * font * len(text), LINE * font) for text in texts]
    taken = [_box(point, (2 * POINT, 2 * POINT)) for point in points]
    placed: dict[int, Pair] = {}
    for index in sorted(range(len(points)), key=lambda i: -_crowd(points, i)):
        x, y = points[index]
        costs = []
        for rank, offset in enumerate(_candidates(sizes[index])):
            box = _box((x + offset[0], y + offset[1]), sizes[index])
            covered = sum(_overlap(box, other) for other in taken)
            covered += THIN * sum(_overlap(box, other) for other in avoid)
            outside = sizes[index][0] * sizes[index][1] - _overlap(box, (0.0, 0.0, *canvas))
            costs.append((covered + 4 * outside + 6.0 * rank, rank, offset, box))
        _, _, placed[index], box = min(costs)
        taken.append(box)
    return [placed[index] for index in range(len(points))]


def _candidates(size: Pair) -> list[Pair]:
    width, height = size
    places = []
    for gap, (right, up) in product((2.0, 14.0, 30.0, 50.0), _DIRECTIONS):
        beside = right * (width / 2 + POINT + gap * (1.0 if up == 0 else 0.4))
        above = up * (height / 2 + POINT + gap)
        places.append((beside, above))
    return places


# Corners first: straight to the side or above, a label would lie on its own point's interval.
_DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))


def _box(centre: Pair, size: Pair) -> Box:
    (x, y), (width, height) = centre, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _crowd(points: Sequence[Pair], index: int) -> float:
    x, y = points[index]
    return sum(1.0 / (1.0 + abs(x - a) + 2 * abs(y - b)) for a, b in points)
