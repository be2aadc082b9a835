"""From a search to a data frame: which base models do the most downloaded LoRAs run on?

Runs on the simulator; with ``--live`` it asks Civitai.
"""

import sys

import civitai_rs
import pandas


def ask(client: civitai_rs.Client) -> pandas.DataFrame:
    """A row for each model, with what there is to know of the file that a download would fetch."""
    return client.search(types="LORA", sort="Most Downloaded", limit=100).to_pandas()


def main() -> None:
    if "--live" in sys.argv:
        frame = ask(civitai_rs.Client())
    else:
        with civitai_rs.Sim() as sim:
            frame = ask(sim.client())
    summary = frame.groupby("base_model").agg(models=("id", "size"), downloads=("download_count", "sum"))
    print(summary.sort_values("downloads", ascending=False).to_string())


if __name__ == "__main__":
    main()
