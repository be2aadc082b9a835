"""A project in a notebook: what an experiment needs stands in a file beside it, and any machine makes it so.

Each ``# %%`` begins a cell. Runs on the simulator; take the first cell away and it is Civitai.
"""

# %% A Civitai of one's own, and a folder to work in
import tempfile
from pathlib import Path

from civitai_rs import Client, Library, Sim, UsageError

sim = Sim().__enter__()
client: Client = sim.client()
here = Path(tempfile.mkdtemp(prefix="experiment-"))

# %% The library, and the project in this folder
library = Library(here / "models", data_dir=here / "data", client=client)
library.init(here)

# %% What the experiment needs: written to civitai.toml, and exactly which file that is to civitai.lock
for model in client.search(types="LORA", limit=1):
    for added in library.add(model.id, project=here):
        print(added.change, added.path, added.sha256)

# %% On this machine and on every other: make the models what the lock says
for fetched in library.sync(project=here):
    print(fetched.status, fetched.path)

# %% Running the cell again costs nothing, not even a request
requests = sim.summary()["requests"]
assert library.sync(project=here) == []
assert sim.summary()["requests"] == requests

# %% A wish that nobody has locked is told before anything is fetched
(here / "civitai.toml").write_text('[[model]]\nlink = "model:1"\n')
try:
    library.sync(project=here)
except UsageError as error:
    print(error)

# %% The end
sim.__exit__(None, None, None)
