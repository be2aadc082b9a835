"""Civitai from Python: search, downloads that resume and verify, a library that stays true.

Every call that waits has a twin whose name ends in ``_async``. ``Sim`` starts a Civitai of one's own on loopback, so
that everything can be tried without network and without an account:

>>> import civitai_rs
>>> with civitai_rs.Sim() as sim:
...     for model in sim.client().search(limit=3):
...         print(model.name)
Watercolour Fields
Harbour Mix XL
Riverbed Flux
"""

from . import _civitai_rs
from ._civitai_rs import *
from ._rows import Rows

__version__ = _civitai_rs.__version__
__all__ = [*_civitai_rs.__all__, "Rows"]
