"""A client of NearID's REST service, for programs that hold no network and no store themselves.

    from util.service_client import NearIDClient

    with NearIDClient("http://localhost:4101") as nearid:
        nearid.index("bottles", [ImageRecord("cola/1", "photos/cola/1.jpg", item="cola")])
        print(nearid.identify("bottles", ["query.jpg"]).decisions[0].item)

It needs ``requests`` and no torch; its results are the records that the library itself gives.
"""

from util.service_client.answers import Embedded, Extractor, Found, Identified, Indexed
from util.service_client.client import NearIDClient
from util.service_client.errors import ServiceRefusedError, ServiceUnreachableError
from util.service_client.images import AskedImage, Failed, ImageUrl, ServerPath, encode_png

__all__ = [
    "AskedImage",
    "Embedded",
    "Extractor",
    "Failed",
    "Found",
    "Identified",
    "ImageUrl",
    "Indexed",
    "NearIDClient",
    "ServerPath",
    "ServiceRefusedError",
    "ServiceUnreachableError",
    "encode_png",
]
