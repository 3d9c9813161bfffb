"""The state of the test server: databases and their spaces."""

import re
from collections.abc import Callable
from typing import Any

from vearch_wire.refusals import RefusedError, need
from vearch_wire.schemas import NAME, check_space
from vearch_wire.space import Space

Body = dict[str, Any]


class Cluster:
    """Databases and spaces, with Vearch's answers about them.

    Attributes:
        version: what the server says it is.
        partition_servers: how many replicas a space can have.
        refuses: why a partition does not take a document (of this id, in this partition), if it does not.
        approximate: whether indexes other than FLAT miss most of what a scan finds.
    """

    def __init__(self, version: str, partition_servers: int) -> None:
        self.version, self.partition_servers = version, partition_servers
        self.databases: dict[str, dict[str, Space]] = {}
        self.refuses: Callable[[str, int], str | None] = lambda id_, partition: None
        self.approximate = False

    def answer(self, method: str, path: str, body: Any) -> Any:
        """The data of the answer to a request.

        Raises:
            RefusedError: if Vearch would refuse it.
            LookupError: if there is no such route.
        """
        for (wanted, pattern), route in ROUTES.items():
            match = re.fullmatch(pattern, path)
            if match and wanted == method:
                return route(self, body, **match.groupdict())
        raise LookupError(path)

    def about(self, body: Any) -> Body:
        return {"name": "vearch", "version": {"build_version": self.version, "build_time": "", "commit_id": ""}}

    def create_database(self, body: Any, db: str) -> Body:
        need(bool(NAME.match(db)), "db name is not allowed")
        need(db not in self.databases, "db_exist:db already exists", code=201)
        self.databases[db] = {}
        return {"id": len(self.databases), "name": db}

    def create_space(self, body: Any, db: str) -> Body:
        spaces = self._spaces(db)
        check_space(body, partition_servers=self.partition_servers)
        need(body["name"] not in spaces, "space_exist:space already exists", code=220)
        spaces[body["name"]] = Space(body, lambda id_, partition: self.refuses(id_, partition))
        return body

    def describe_space(self, body: Any, db: str, space: str) -> Body:
        return self._space(db, space).describe(db)

    def drop_space(self, body: Any, db: str, space: str) -> None:
        self._space(db, space)
        del self.databases[db][space]

    def documents(self, body: Any, action: str) -> Body:
        need(isinstance(body, dict), "the body is no object", code=1, status=400)
        space = self.databases.get(body.get("db_name", ""), {}).get(body.get("space_name", ""))
        need(space is not None, "param_error:space_not_exist")
        space.approximate = self.approximate
        return getattr(space, action)(body)

    def _spaces(self, db: str) -> dict[str, Space]:
        if db not in self.databases:
            raise RefusedError(200, "db_not_exist:db does not exist")
        return self.databases[db]

    def _space(self, db: str, space: str) -> Space:
        spaces = self._spaces(db)
        if space not in spaces:
            raise RefusedError(221, "space_not_exist:space does not exist")
        return spaces[space]


ROUTES = {
    ("GET", "/"): Cluster.about,
    ("POST", "/dbs/(?P<db>[^/]+)"): Cluster.create_database,
    ("POST", "/dbs/(?P<db>[^/]+)/spaces"): Cluster.create_space,
    ("GET", "/dbs/(?P<db>[^/]+)/spaces/(?P<space>[^/]+)"): Cluster.describe_space,
    ("DELETE", "/dbs/(?P<db>[^/]+)/spaces/(?P<space>[^/]+)"): Cluster.drop_space,
    ("POST", "/document/(?P<action>upsert|query|search|delete)"): Cluster.documents,
}
