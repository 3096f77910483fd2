"""The kinds of preprocessing that can be chosen by name.

Each name leads to a module with two functions: ``fit(features, settings)`` learns from some examples what is
needed, and returns it as a dict that JSON can hold; ``apply(state, features)`` makes any examples ready with
it. One that turns texts into word numbers has a third, ``count_ids(state)``: how many there are.
"""

from __future__ import annotations

PREPROCESSING: dict[str, str] = {
    "standardize": "fedexperts.preprocessing.standardize",
    "vocabulary": "fedexperts.preprocessing.vocabulary",
}
