"""Local features: which points of two photos are the same point of one thing, and what differs between the two.

``pixels`` makes photos fit. ``sift``, ``saha`` and ``loftr`` each hold a ``Matcher`` (``matcher``), which describes a
photo once and matches descriptions pair by pair. ``geometry`` keeps matches that one motion explains; ``alignment`` and
``differences`` lay photos over one another and show where the print differs; ``evidence`` holds what was found.
``verifying`` does all this for a pair, ``reranking`` for the first hits of a search, ``explaining`` for a person.
"""
