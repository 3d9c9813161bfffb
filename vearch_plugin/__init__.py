"""The REST service: photos in, vectors into a store, answers out.

    nearid serve                 # or: python -m vearch_plugin
    uvicorn --factory vearch_plugin.app:create_app

``vearch_plugin.app.create_app`` makes the application. A route reaches what it works with by the dependency
``vearch_plugin.service.service_of``, which gives the one :class:`vearch_plugin.service.Service` of the application.
"""
