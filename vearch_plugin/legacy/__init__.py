"""The routes of the 2021 plugin (Vearch 3.2's python-algorithm-plugin), spoken over whatever store lies behind NearID.

Most modules here translate, and know neither the service nor a store: a schema, a document, a query, a filter in the
words of 2021 become NearID's own, and its results go back in the shapes that programs of 2021 read. ``catalogue``
keeps databases and schemas in the store, ``documents`` and ``searching`` do the work, ``routes`` is the HTTP of it.
"""
