"""Draw the pictures of docs/partitions.md: ``python docs/make_partition_pictures.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import yaml
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

from fedexperts.parameters import PartitionSettings
from fedexperts.partitioning import partition

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

HERE = Path(__file__).parent
DEFAULTS = HERE.parent / "conf" / "base" / "client_partitioning" / "parameters.yml"
SEED = 0
CLIENTS = 20

# Every scheme with the settings of its panels, from mild to strong, and their titles.
PANELS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "dirichlet": [(f"alpha = {alpha:g}", {"alpha": alpha}) for alpha in (100.0, 1.0, 0.1)],
    "dirichlet_client": [(f"alpha = {alpha:g}", {"alpha": alpha}) for alpha in (100.0, 1.0, 0.1)],
    "majority_classes": [
        (f"majority_fraction = {fraction:g}", {"majority_fraction": fraction}) for fraction in (0.2, 0.6, 1.0)
    ],
    "shards": [(f"shards_per_client = {shards}", {"shards_per_client": shards}) for shards in (10, 3, 2)],
    "iid": [("", {})],
    "quantity_skew": [(f"alpha = {alpha:g}", {"alpha": alpha}) for alpha in (100.0, 1.0, 0.3)],
}


def draw_clients(axes: Axes, counts: NDArray[np.int64], title: str) -> None:
    """Draw one bar per client, with a part for each class.

    Args:
        axes: Where to draw.
        counts: ``[clients, classes]``.
        title: What stands above it.
    """
    colours = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
    bottom = np.zeros(len(counts))
    for label in range(counts.shape[1]):
        axes.bar(
            np.arange(len(counts)), counts[:, label], 0.86, bottom, color=colours[label], label=str(label)
        )
        bottom += counts[:, label]
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("client")
    axes.set_xticks([0, 5, 10, 15])
    axes.set_xlim(-0.8, len(counts) - 0.2)
    axes.spines[["top", "right"]].set_visible(False)


def draw_scheme(scheme: str, target: Path) -> None:
    """Draw the panels of one scheme into a file."""
    defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["partition"]
    labels = load_digits().target
    panels = PANELS[scheme]
    figure, row = plt.subplots(
        1,
        len(panels),
        figsize=(1.3 + 2.7 * len(panels), 2.7),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, changes) in zip(row[0], panels, strict=True):
        settings = PartitionSettings(**{**defaults, "clients": CLIENTS, "scheme": scheme, **changes})
        clients = partition(labels, 10, settings, SEED).clients
        draw_clients(axes, clients.filter(like="class_").to_numpy(), title)
    row[0, 0].set_ylabel("examples")
    row[0, 0].set_ylim(top=1.05 * max(axes.dataLim.ymax for axes in row[0]))
    handles, names = row[0, 0].get_legend_handles_labels()
    # The legend runs downwards as the bars do.
    figure.legend(
        handles[::-1], names[::-1], loc="outside right center", title="class", fontsize=8, title_fontsize=9,
        frameon=False, handlelength=1, handleheight=1,
    )  # fmt: skip
    figure.savefig(target, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Draw all pictures."""
    mpl.use("agg")
    for scheme in PANELS:
        draw_scheme(scheme, HERE / "images" / f"partition_{scheme}.png")


if __name__ == "__main__":
    main()
