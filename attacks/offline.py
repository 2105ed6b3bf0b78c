"""TextAttack's import without a network: the one place that knows what it wants to download.

Follows spec/attacks.md, 6.1: it reads NLTK's English stopwords while it is imported and runs six downloads first. Its
variable TA_CACHE_DIR is kept out: it would also redirect the caches of Hugging Face.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOPWORDS = "the\na\nof\n"
"""Never used: TextAttack reads some list of English stopwords while it is imported."""


@contextmanager
def offline() -> Iterator[None]:
    """Give NLTK a word list of ours, keep all downloaders off, and keep the environment as it was."""
    import nltk

    saved, environment, stanza = nltk.download, dict(os.environ), sys.modules.get("stanza")
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder, "corpora", "stopwords", "english")
        words.parent.mkdir(parents=True)
        words.write_text(STOPWORDS)
        nltk.data.path.insert(0, folder)
        nltk.download = lambda *_, **__: True
        sys.modules["stanza"] = None  # type: ignore[assignment]
        os.environ.pop("TA_CACHE_DIR", None)
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            os.environ.clear()
            os.environ.update(environment)
            del sys.modules["stanza"]
            if stanza is not None:
                sys.modules["stanza"] = stanza
            nltk.download = saved
            nltk.data.path.remove(folder)
