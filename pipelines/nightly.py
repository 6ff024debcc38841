"""The night, top to bottom: eight calls, in the order in which they happen.

    journey run                      this, with a progress line per step
    python pipelines/nightly.py      the same

If anything raises, last night's database and report stay as they were.
"""

from journey_analytics.night import Night


def nightly(night: Night) -> None:
    night.land()           # files        → landing.*       each file once, every row accounted for
    night.begin()          # the map      → rules.*         as_of, stages, touchpoints, promises
    night.judge_feeds()    # feeds        → ops.checks      are they fit to be used tonight?
    night.build()          # events       → journeys, marts who and when, the map laid over them, the numbers
    night.judge_marts()    # marts        → ops.checks      are the numbers sane?
    night.find()           # marts        → marts.findings  claims, with their odds
    night.report()         # claims       → one HTML file   and report.json, and CSV files
    night.publish()        # all of it    → live            verified, then swapped in whole


if __name__ == "__main__":
    from journey_analytics.cli.main import main

    main(["run"])
