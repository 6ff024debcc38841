"""Write the sample shop's feeds anew: `python data/sample/generate.py`. The same bytes every time; see README.md."""

from pathlib import Path

from journey_analytics.sample.shop import SamplePlan, write_sample

if __name__ == "__main__":
    print(write_sample(SamplePlan(gzip_level=9), Path(__file__).resolve().parents[2]))
