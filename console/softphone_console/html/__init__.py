"""From what is shown to pages. Pure, and escaped by construction: only `markup.py` makes markup of texts."""
