"""A start-up hook for ComfyUI: fetches the models that workflows need before anybody presses the button.

As a custom node: copy this file to ``custom_nodes/fetch_models/__init__.py``. ComfyUI imports it when it starts, and it
looks through ``user/default/workflows``. As a program it shows on the simulator what it would do for a workflow.
"""

import json
import sys
import tempfile
from pathlib import Path

from civitai_rs import CivitaiError, Library, Sim

NODE_CLASS_MAPPINGS: dict[str, object] = {}


def fetch_models(library: Library, workflow: Path) -> None:
    """Fetches what a workflow uses, is missing, and is known beyond doubt; says what has to be found by hand."""
    wanted: set[str] = set()
    for reference in library.references(workflow):
        if reference.status == "missing" and reference.link:
            wanted.add(reference.link)
        elif reference.status != "present":
            print(f"{workflow.name}: {reference.kind} {reference.name} is {reference.status}")
    for fetched in library.get(*sorted(wanted), raises=False) if wanted else []:
        print(f"{workflow.name}: {fetched.status} {fetched.path} {fetched.error or ''}")


def start_up(comfyui: Path) -> None:
    """Looks through the workflows of a ComfyUI. What goes wrong must not keep it from starting."""
    library = Library(comfyui / "models", layout="comfyui")
    for workflow in sorted((comfyui / "user/default/workflows").glob("**/*.json")):
        try:
            fetch_models(library, workflow)
        except CivitaiError as error:
            print(f"{workflow.name}: {error}")


def demonstrate() -> None:
    with Sim() as sim, tempfile.TemporaryDirectory() as folder:
        client = sim.client()
        [model] = client.search(types="LORA", limit=1)
        file = model.versions[0].files[0]
        node = {"class_type": "LoraLoader", "inputs": {"lora_name": file.display_name}}
        workflow = Path(folder) / "workflow.json"
        workflow.write_text(json.dumps({"1": node}))
        library = Library(Path(folder) / "models", data_dir=Path(folder) / "data", client=client)
        fetch_models(library, workflow)
        fetch_models(library, workflow)


if __name__ == "__main__":
    demonstrate()
elif "comfy" in " ".join(sys.modules):
    start_up(Path.cwd())
