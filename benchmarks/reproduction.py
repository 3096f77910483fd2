"""The results of the paper's experiments: ``python -m benchmarks.reproduction [EXPERIMENT ...]``.

Takes the reports of experiments (``kedro experiment report EXPERIMENT``) into the files of docs/results,
beside what is there from other experiments and machines, and writes the tables of docs/results.md and its
figures anew.
"""

from __future__ import annotations

import argparse

import matplotlib as mpl

from benchmarks.documents import ROOT
from benchmarks.results_files import merged, read_report, read_results, report_files, write_results
from benchmarks.results_page import figures, filled
from fedexperts.experiments.picture import as_picture

REPORTS = ROOT / "data" / "09_experiments"
RESULTS = ROOT / "docs" / "results"
DOCUMENT = ROOT / "docs" / "results.md"


def main() -> None:
    """Take reports in, and write everything that follows from them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help="an experiment with a report")
    results = read_results(RESULTS)
    for name in parser.parse_args().experiments:
        missing = [file for file in report_files(name).values() if not (REPORTS / name / file).exists()]
        if not (REPORTS / name).exists():
            parser.error(f"there is no report of {name}; `kedro experiment report {name}` writes one")
        if missing:
            parser.error(f"the report of {name} has no {missing[0]}; the page shows it for every experiment")
        try:
            results = merged(results, read_report(REPORTS / name))
        except ValueError as error:
            parser.error(str(error))
    write_results(results, RESULTS)
    with mpl.rc_context({"svg.hashsalt": "fedexperts"}):  # the same content makes the same file
        for name, chart in figures(results).items():
            as_picture(chart).savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
